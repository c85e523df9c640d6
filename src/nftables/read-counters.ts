/**
 * How often each rule decided, from what the kernel dumps of rules and map elements.
 *
 *   Message* ─[CounterReading.take]→ (sums) ─[counts]→ packets and bytes by comment
 *
 * Invariant: a rule may stand in several chains and maps (one for each stage and family): its counters add up. Of what has no
 * comment nothing is told: nobody could say whose it is.
 */
import { type Message, subsystems } from '../netlink/message.ts';
import { messages } from './netlink/encode/numbers.ts';
import { eachOf, spanOf, textAt } from './netlink/read-content.ts';
import { tableName } from './ruleset.ts';

export interface PacketCount {
  readonly packets: number;
  readonly bytes: number;
}

/** NFTA_EXPR_NAME, NFTA_EXPR_DATA; NFTA_COUNTER_BYTES, NFTA_COUNTER_PACKETS. */
const expression = { name: 1, value: 2 } as const;
const counter = { bytes: 1, packets: 2 } as const;
/** NFTNL_UDATA_RULE_COMMENT and NFTNL_UDATA_SET_ELEM_COMMENT (libnftnl/udata.h). */
const commentType = 0;

export class CounterReading {
  readonly #counts = new Map<string, PacketCount>();

  /** What is not about our table is passed over. */
  take(message: Message): void {
    if (message.kind !== 'data' || message.subsystem !== subsystems.nftables) return;
    const { attributes: bytes, type } = message;
    if (textAt(bytes, 0, bytes.length, 1) !== tableName) return;
    if (type === messages.newRule) this.#takeHolder(bytes, 0, bytes.length, { userdata: 7, one: 0, several: 4 });
    else if (type === messages.newElements) {
      const list = spanOf(bytes, 0, bytes.length, 3);
      if (!list) return;
      eachOf(bytes, list.from, list.to, (from, to) => {
        this.#takeHolder(bytes, from, to, { userdata: 6, one: 7, several: 11 });
      });
    }
  }

  /** By rule or element comment, which is `Kind/name ingress[0]` for a policy's rule. */
  counts(): ReadonlyMap<string, PacketCount> {
    return this.#counts;
  }

  /** A rule or an element: where its comment and its expressions are. */
  #takeHolder(
    bytes: Uint8Array,
    from: number,
    to: number,
    types: { readonly userdata: number; readonly one: number; readonly several: number },
  ): void {
    const userdata = spanOf(bytes, from, to, types.userdata);
    const comment = userdata && readComment(bytes, userdata.from, userdata.to);
    if (comment === undefined) return;
    const one = spanOf(bytes, from, to, types.one);
    if (one) this.#takeExpression(comment, bytes, one.from, one.to);
    const several = spanOf(bytes, from, to, types.several);
    if (!several) return;
    eachOf(bytes, several.from, several.to, (start, end) => this.#takeExpression(comment, bytes, start, end));
  }

  #takeExpression(comment: string, bytes: Uint8Array, from: number, to: number): void {
    if (textAt(bytes, from, to, expression.name) !== 'counter') return;
    const value = spanOf(bytes, from, to, expression.value);
    if (!value) return;
    const before = this.#counts.get(comment) ?? { packets: 0, bytes: 0 };
    this.#counts.set(comment, {
      packets: before.packets + bigNumberAt(bytes, value.from, value.to, counter.packets),
      bytes: before.bytes + bigNumberAt(bytes, value.from, value.to, counter.bytes),
    });
  }
}

/** The userdata of rules and elements: type, length and value in bytes, one after the other. */
function readComment(bytes: Uint8Array, from: number, to: number): string | undefined {
  for (let at = from; at + 2 <= to; ) {
    const end = at + 2 + (bytes[at + 1] as number);
    if (end > to) return undefined;
    if (bytes[at] === commentType) {
      let text = '';
      for (let i = at + 2; i < end && bytes[i] !== 0; i++) text += String.fromCharCode(bytes[i] as number);
      return text;
    }
    at = end;
  }
  return undefined;
}

/** Exact up to 2^53, near enough beyond. */
function bigNumberAt(bytes: Uint8Array, from: number, to: number, type: number): number {
  const span = spanOf(bytes, from, to, type);
  let value = 0;
  for (let at = span?.from ?? 0; span && at < span.to; at++) value = value * 256 + (bytes[at] as number);
  return value;
}
