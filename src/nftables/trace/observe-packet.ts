/**
 * What happened to one traced packet, from the kernel's events.
 *
 *   TraceEvent* ─[observePacket]→ Observation, once the packet has come to its end or is lost
 *
 * Invariant: an accept is only said of a packet that was seen after every chain of its last hook; one that no chain dropped
 * and that never came there was lost between the hooks, which is routing's doing.
 */
import { tableName } from '../ruleset.ts';
import { type FindElement, followRule, type TracedPacket } from './follow-lookup.ts';
import type { KernelRule, KernelVerdict, TraceEvent } from './read-trace.ts';
import { lastSeenChains } from './trace-table.ts';

export interface Observation {
  readonly verdict: 'accept' | 'drop' | 'reject' | 'lost';
  /** In words, where the verdict is not a rule's. */
  readonly reason: string;
  readonly conntrack: TraceEvent['conntrack'];
  readonly inbound: string | null;
  readonly outbound: string | null;
  readonly sourcePort: number | null;
  readonly steps: readonly ObservedStep[];
}

/** One rule (or the end of a chain) that had a say. */
export interface ObservedStep {
  readonly table: string;
  readonly chain: string;
  readonly handle: number | null;
  /** `goto NAME`, `accept`, `continue` … */
  readonly verdict: string;
  readonly comment: string | null;
  readonly counter: { readonly packets: number; readonly bytes: number } | null;
  /** What the rule looked up, and found. */
  readonly elements: readonly {
    readonly set: string;
    readonly comment: string | null;
    readonly counter: { readonly packets: number; readonly bytes: number } | null;
  }[];
}

/** What is asked of the kernel to name what the events only number. */
export interface KernelNames {
  /** Rules of one chain of our table. */
  rules(chain: string): Promise<readonly KernelRule[]>;
  findElement: FindElement;
  interfaceName(index: number): string;
}

/** Whether nothing more will come of this packet. */
export function isAtItsEnd(events: readonly TraceEvent[], traceTable: string): boolean {
  return events.some(
    ({ table, chain, verdict }) =>
      verdict.kind === 'drop' ||
      (table === traceTable && (chain === lastSeenChains.input || chain === lastSeenChains.postrouting)),
  );
}

/** `events` are of one packet, in order. */
export async function observePacket(
  events: readonly TraceEvent[],
  traceTable: string,
  protocol: number,
  names: KernelNames,
): Promise<Observation> {
  const packet: TracedPacket = {
    networkHeader: new Uint8Array(),
    transportHeader: new Uint8Array(),
    protocol,
    inboundName: '',
    outboundName: '',
    note: new Uint8Array(4),
  };
  const rules = new Map<string, ReadonlyMap<bigint, KernelRule>>();
  const steps: ObservedStep[] = [];
  let conntrack: TraceEvent['conntrack'];
  let rejects = false;
  let sourcePort: number | null = null;
  for (const event of events) {
    packet.networkHeader = event.networkHeader ?? packet.networkHeader;
    packet.transportHeader = event.transportHeader ?? packet.transportHeader;
    if (event.inbound !== undefined) packet.inboundName = names.interfaceName(event.inbound);
    if (event.outbound !== undefined) packet.outboundName = names.interfaceName(event.outbound);
    sourcePort ??= firstPort(packet.transportHeader);
    // The last word counts: notrack makes an established packet untracked.
    conntrack = event.conntrack ?? conntrack;
    // A rule without a number is the end of a chain.
    if (event.table === traceTable || (event.kind === 'rule' && event.handle === undefined)) continue;
    const rule = await findRule(event, rules, names);
    rejects ||= event.verdict.kind === 'drop' && (rule?.expressions.some(({ name }) => name === 'reject') ?? false);
    const found = rule ? await followRule(rule, packet, names.findElement) : [];
    steps.push({
      table: event.table,
      chain: event.chain,
      handle: event.handle === undefined ? null : Number(event.handle),
      verdict: `${event.kind === 'policy' ? 'policy ' : ''}${printVerdict(event.verdict)}`,
      comment: rule?.comment ?? null,
      counter: rule?.counter ?? null,
      elements: found.map(({ set, element }) => ({
        set,
        comment: element.comment ?? null,
        counter: element.counter ?? null,
      })),
    });
  }
  return {
    ...judge(events, traceTable, rejects),
    conntrack,
    inbound: packet.inboundName || null,
    outbound: packet.outboundName || null,
    sourcePort,
    steps,
  };
}

async function findRule(
  { table, chain, handle }: TraceEvent,
  known: Map<string, ReadonlyMap<bigint, KernelRule>>,
  names: KernelNames,
): Promise<KernelRule | undefined> {
  if (table !== tableName || handle === undefined) return undefined;
  let rules = known.get(chain);
  if (!rules) {
    rules = new Map((await names.rules(chain)).map((rule) => [rule.handle, rule]));
    known.set(chain, rules);
  }
  return rules.get(handle);
}

function judge(
  events: readonly TraceEvent[],
  traceTable: string,
  rejects: boolean,
): Pick<Observation, 'verdict' | 'reason'> {
  const dropped = events.find(({ verdict }) => verdict.kind === 'drop');
  if (dropped) {
    const where = `chain ${dropped.chain} of table ${dropped.table}`;
    return { verdict: rejects ? 'reject' : 'drop', reason: `${rejects ? 'rejected' : 'dropped'} in ${where}` };
  }
  const passed = events.filter(({ table }) => table === traceTable).map(({ chain }) => chain);
  if (passed.includes(lastSeenChains.postrouting)) return { verdict: 'accept', reason: 'it left the router' };
  if (passed.includes(lastSeenChains.input)) return { verdict: 'accept', reason: 'it was delivered to the router' };
  const last = Object.entries(lastSeenChains).findLast(([, chain]) => passed.includes(chain))?.[0];
  return {
    verdict: 'lost',
    reason: last
      ? `no filter dropped it, yet it went no further than ${last}: no route, reverse path filter, forwarding switched off, time to live`
      : 'no filter dropped it, yet it did not pass the first hook',
  };
}

function printVerdict({ kind, chain }: KernelVerdict): string {
  return chain === undefined ? kind : `${kind} ${chain}`;
}

function firstPort(header: Uint8Array): number | null {
  return header.length < 4 ? null : ((header[0] ?? 0) << 8) | (header[1] ?? 0);
}
