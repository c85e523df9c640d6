/**
 * Trace events as the kernel tells them, and the rules and elements they name.
 *
 *   NFT_MSG_TRACE ─[readTraceEvent]→ TraceEvent;  NFT_MSG_NEWRULE ─[readRule]→ KernelRule
 *   NFT_MSG_NEWSETELEM ─[readElements]→ KernelElement[]
 *
 * Invariant: any bytes give an answer, never an exception; what is not there is undefined.
 */
import { listAttributes, readAttributes, readText, readU32, readU64 } from '../../netlink/attributes.ts';
import { type Message, subsystems } from '../../netlink/message.ts';
import { conntrackStates } from '../netlink/encode/numbers.ts';
import type { PacketCount } from '../read-counters.ts';
import { attributes, messages, traceTypes, verdictCodes } from './wire.ts';

export interface TraceEvent {
  /** The same for every event of one packet. */
  readonly packet: number;
  readonly table: string;
  readonly chain: string;
  readonly kind: 'rule' | 'return' | 'policy';
  /** Of the rule. */
  readonly handle: bigint | undefined;
  readonly verdict: KernelVerdict;
  /** The packet as it was at this place; only the first event of a chain in a hook has it. */
  readonly networkHeader: Uint8Array | undefined;
  readonly transportHeader: Uint8Array | undefined;
  /** Numbers of interfaces. */
  readonly inbound: number | undefined;
  readonly outbound: number | undefined;
  /** Undefined before conntrack, for invalid packets, and on kernels before 6.16. */
  readonly conntrack: 'new' | 'established' | 'related' | 'untracked' | undefined;
}

export interface KernelVerdict {
  readonly kind: keyof typeof verdictCodes | 'other';
  readonly chain: string | undefined;
}

/** A rule as far as a traced packet can be followed through it. */
export interface KernelRule {
  readonly chain: string;
  readonly handle: bigint;
  readonly comment: string | undefined;
  readonly counter: PacketCount | undefined;
  readonly expressions: readonly KernelExpression[];
}

export interface KernelExpression {
  readonly name: string;
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

export interface KernelElement {
  readonly comment: string | undefined;
  readonly counter: PacketCount | undefined;
  /** What a data map gives. */
  readonly value: Uint8Array | undefined;
  readonly verdict: KernelVerdict | undefined;
}

/** Undefined for other messages. */
export function readTraceEvent(message: Message): TraceEvent | undefined {
  const given = attributesOf(message, messages.trace);
  if (!given) return undefined;
  const at = attributes.trace;
  const number = (type: number): number | undefined => {
    const bytes = given.get(type);
    return bytes && readU32(bytes);
  };
  const text = (type: number): string => readText(given.get(type) ?? new Uint8Array());
  const handle = given.get(at.ruleHandle);
  const verdict = given.get(at.verdict);
  const type = number(at.type);
  const policy = number(at.policy);
  return {
    packet: number(at.id) ?? 0,
    table: text(at.table),
    chain: text(at.chain),
    kind: type === traceTypes.policy ? 'policy' : type === traceTypes.return ? 'return' : 'rule',
    handle: handle && readU64(handle),
    verdict: verdict ? readVerdict(verdict) : { kind: policy === 0 ? 'drop' : 'accept', chain: undefined },
    networkHeader: given.get(at.networkHeader),
    transportHeader: given.get(at.transportHeader),
    inbound: number(at.inbound),
    outbound: number(at.outbound),
    conntrack: readConntrackState(number(at.conntrackState)),
  };
}

function readConntrackState(bits: number | undefined): TraceEvent['conntrack'] {
  const { established, related, untracked } = conntrackStates;
  switch (bits) {
    case established:
      return 'established';
    case related:
      return 'related';
    case conntrackStates.new:
      return 'new';
    case untracked:
      return 'untracked';
    default:
      return undefined;
  }
}

export function readRule(message: Message): KernelRule | undefined {
  const given = attributesOf(message, messages.newRule);
  if (!given) return undefined;
  const at = attributes.rule;
  const expressions = readExpressions(given.get(at.expressions));
  return {
    chain: readText(given.get(at.chain) ?? new Uint8Array()),
    handle: readU64(given.get(at.handle) ?? new Uint8Array()),
    comment: readComment(given.get(at.userData)),
    counter: readCounter(expressions),
    expressions,
  };
}

export function readElements(message: Message): readonly KernelElement[] {
  const given = attributesOf(message, messages.newElements);
  return listAttributes(given?.get(attributes.elements.list) ?? new Uint8Array()).map(({ bytes }) => {
    const element = readAttributes(bytes);
    const data = readAttributes(element.get(attributes.element.data) ?? new Uint8Array());
    const verdict = data.get(attributes.data.verdict);
    const single = element.get(attributes.element.expression);
    const expressions = single
      ? [readExpression(single)]
      : readExpressions(element.get(attributes.element.expressions));
    return {
      comment: readComment(element.get(attributes.element.userData)),
      counter: readCounter(expressions),
      value: data.get(attributes.data.value),
      verdict: verdict && readVerdict(verdict),
    };
  });
}

/** Name, and whether its elements count. */
export function readSetHead(message: Message): { readonly name: string; readonly isCounted: boolean } | undefined {
  const given = attributesOf(message, messages.newSet);
  if (!given) return undefined;
  const at = attributes.set;
  return {
    name: readText(given.get(at.name) ?? new Uint8Array()),
    isCounted: given.has(at.expression) || given.has(at.expressions),
  };
}

export function readChainName(message: Message): string | undefined {
  const given = attributesOf(message, messages.newChain);
  return given && readText(given.get(attributes.chain.name) ?? new Uint8Array());
}

function attributesOf(message: Message, type: number): ReadonlyMap<number, Uint8Array> | undefined {
  if (message.kind !== 'data' || message.subsystem !== subsystems.nftables || message.type !== type) return undefined;
  return readAttributes(message.attributes);
}

function readExpressions(bytes: Uint8Array | undefined): readonly KernelExpression[] {
  return listAttributes(bytes ?? new Uint8Array()).map((each) => readExpression(each.bytes));
}

function readExpression(bytes: Uint8Array): KernelExpression {
  const given = readAttributes(bytes);
  const data = given.get(attributes.expression.data) ?? new Uint8Array();
  return {
    name: readText(given.get(attributes.expression.name) ?? new Uint8Array()),
    attributes: readAttributes(data),
  };
}

function readVerdict(bytes: Uint8Array): KernelVerdict {
  const given = readAttributes(bytes);
  const code = readU32(given.get(attributes.verdict.code) ?? new Uint8Array()) | 0;
  const chain = given.get(attributes.verdict.chain);
  const known = Object.entries(verdictCodes).find(([, value]) => value === code)?.[0] as keyof typeof verdictCodes;
  // An accept or drop may carry an errno or queue number in its upper bits.
  return { kind: known ?? ((code & 0xff) === verdictCodes.drop ? 'drop' : 'other'), chain: chain && readText(chain) };
}

function readCounter(expressions: readonly KernelExpression[]): PacketCount | undefined {
  const counter = expressions.find(({ name }) => name === 'counter')?.attributes;
  if (!counter) return undefined;
  const number = (type: number): number => Number(readU64(counter.get(type) ?? new Uint8Array()));
  return { packets: number(attributes.counter.packets), bytes: number(attributes.counter.bytes) };
}

/** nft's user data is a list of type, length, value; type 0 is the comment, of rules and of elements. */
function readComment(bytes: Uint8Array | undefined): string | undefined {
  if (!bytes) return undefined;
  for (let at = 0; at + 2 <= bytes.length; ) {
    const length = bytes[at + 1] ?? 0;
    if (bytes[at] === 0) return readText(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return undefined;
}
