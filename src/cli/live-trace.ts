/**
 * A prediction held against a real packet.
 *
 *   PacketQuery ─[openPacketTrace]→ (the packet comes, or is sent) → Observation ─[compare]→ LiveComparison
 *
 * What was asked may differ from what came: a flow's later packet, another source port. Then the prediction is asked anew for
 * what came. Invariant: the trace is closed whatever happens, and nothing but its own table is ever written.
 */
import { readlinkSync } from 'node:fs';
import { decidingComment, type Explanation } from '../api/explanation.ts';
import { type AgentClientError, explainPacketAt, readFromAgent } from '../client/agent-client.ts';
import { openPacketTrace } from '../edge/nft-trace.ts';
import { injectPacket, sendOwnPacket } from '../edge/send-packet.ts';
import { tableName } from '../nftables/ruleset.ts';
import type { Observation } from '../nftables/trace/observe-packet.ts';
import type { TraceFilter } from '../nftables/trace/trace-table.ts';
import { err, ok, type Result } from '../result.ts';
import type { PacketQuery } from '../verdict/packet-query.ts';
import { addressBytes, encodePacket } from './encode-packet.ts';

export interface LiveComparison {
  /** The prediction for the packet that came. */
  readonly predicted: Explanation;
  /** Where the packet that came is another one than was asked about: which keys, and what they are. */
  readonly changed: Readonly<Record<string, string | number>>;
  readonly observed: Observation;
  /** Whether both verdicts are the same. */
  readonly isEqual: boolean;
  /**
   * Whether the predicted rule was seen to decide; null where no rule decides. Of rules that say the same, the kernel may ask
   * a later one first.
   */
  readonly isSameRule: boolean | null;
}

export interface LiveOptions {
  readonly waitMs: number;
  /** Sends the packet instead of waiting for somebody else's. */
  readonly sends: boolean;
}

export type LiveError =
  | { readonly kind: 'agent'; readonly error: AgentClientError }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'not-seen'; readonly message: string };

type Flags = Readonly<Record<string, unknown>>;

/** `flags` is the query in the machine form; a key that it leaves out may be anything in the packet that comes. */
export async function compareLive(
  socket: string,
  flags: Flags,
  query: PacketQuery,
  asked: Explanation,
  options: LiveOptions,
  say: (line: string) => void,
): Promise<Result<LiveComparison, LiveError>> {
  const stranger = await findStranger(socket);
  if (stranger !== undefined) say(`warning: ${stranger}`);
  const isOwn = query.local === 'out' || query.in === undefined;
  const trace = await openPacketTrace(filterOf(flags, query, isOwn));
  if (!trace.ok) return fail(trace.error);
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  try {
    if (options.sends) {
      const sent = sendAsked(query, isOwn);
      if (!sent.ok) return fail(sent.error);
    } else {
      say(`waiting up to ${options.waitMs / 1000} s for such a packet; Ctrl-C ends it`);
    }
    const observed = await waitFor(trace.value.wait, flags['ct'], options.waitMs, interruption.signal);
    if (!observed) return err({ kind: 'not-seen', message: notSeen(options, interruption.signal.aborted) });
    const changed = differences(flags, query, observed);
    const predicted =
      Object.keys(changed).length === 0 ? ok(asked) : await explainPacketAt(socket, { ...flags, ...changed });
    return predicted.ok
      ? ok(compare(predicted.value, changed, observed))
      : err({ kind: 'agent', error: predicted.error });
  } finally {
    trace.value.close();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  }
}

function notSeen({ sends, waitMs }: LiveOptions, isInterrupted: boolean): string {
  if (isInterrupted) return 'interrupted before such a packet came';
  return sends
    ? 'the packet was sent and not seen: the kernel discarded it before its first hook, or more than 20 such packets a second pass'
    : `no such packet came within ${waitMs / 1000} s; --send sends one`;
}

/** Where a state of conntrack was asked for, packets in another one are passed over. */
async function waitFor(
  wait: (withinMs: number, signal: AbortSignal) => Promise<Observation | undefined>,
  conntrack: unknown,
  waitMs: number,
  signal: AbortSignal,
): Promise<Observation | undefined> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const observed = await wait(Math.max(0, deadline - performance.now()), signal);
    const isAsked = conntrack === undefined || observed?.conntrack === undefined || observed.conntrack === conntrack;
    // notrack in one of our own rules hides the state the packet had.
    if (!observed || isAsked || observed.conntrack === 'untracked') return observed;
  }
}

function filterOf(flags: Flags, { in: inbound, packet }: PacketQuery, isOwn: boolean): TraceFilter {
  const { protocol, sourcePort, icmpType } = packet;
  const { destinationPort } = packet.beforeNat ?? packet;
  return {
    source: addressBytes(packet.source),
    // The trace begins before NAT.
    destination: addressBytes((packet.beforeNat ?? packet).destination),
    protocol,
    inbound: isOwn ? undefined : inbound,
    ...(flags['sport'] === undefined || sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
    ...(icmpType === undefined ? {} : { icmpType }),
  };
}

function sendAsked(query: PacketQuery, isOwn: boolean): Result<void, string> {
  const { ctState } = query.packet;
  if (ctState !== 'new') return err(`--send sends the first packet of a flow, not one that is ${ctState}`);
  const wire = encodePacket({ ...query.packet, ...query.packet.beforeNat });
  if (isOwn) return sendOwnPacket(wire);
  const sent = injectPacket(query.in ?? '', wire);
  return sent.ok ? sent : err(`${sent.error}; without --send the trace waits for a packet that you send yourself`);
}

function differences(flags: Flags, { packet }: PacketQuery, observed: Observation): LiveComparison['changed'] {
  const changed: Record<string, string | number> = {};
  const hasPorts = packet.sourcePort !== undefined && observed.sourcePort !== null;
  if (hasPorts && flags['sport'] === undefined && observed.sourcePort !== packet.sourcePort) {
    changed['sport'] = observed.sourcePort;
  }
  const conntrack = stateOf(observed);
  if (conntrack !== undefined && conntrack !== packet.ctState) changed['ct'] = conntrack;
  return changed;
}

/** An untracked packet may be one that our own rule made so: what it was before, nobody tells. */
function stateOf({ conntrack, steps }: Observation): string | undefined {
  const isInvalid = steps.some(({ comment, table }) => table === tableName && comment === 'conntrack state invalid');
  if (conntrack === undefined) return isInvalid ? 'invalid' : undefined;
  const isOurs = steps.some(({ table, chain }) => table === tableName && chain.startsWith('untracked'));
  return conntrack === 'untracked' && isOurs ? undefined : conntrack;
}

function compare(predicted: Explanation, changed: LiveComparison['changed'], observed: Observation): LiveComparison {
  const wanted = predicted.verdict.verdict === 'no-route' ? 'lost' : predicted.verdict.verdict;
  const comment = decidingComment(predicted.verdict);
  const seen = observed.steps.flatMap((step) => [step.comment, ...step.elements.map((element) => element.comment)]);
  return {
    predicted,
    changed,
    observed,
    isEqual: wanted === observed.verdict,
    isSameRule: comment === undefined ? null : seen.includes(comment),
  };
}

/**
 * Traces are of the network namespace of this process: says so where the agent seems to be in another one. Process numbers
 * may be of another namespace, so it is no more than a warning.
 */
async function findStranger(socket: string): Promise<string | undefined> {
  const status = await readFromAgent(socket, '/v1/status');
  if (!status.ok) return undefined;
  const { pid } = status.value.agent;
  try {
    const [ours, theirs] = [readlinkSync('/proc/self/ns/net'), readlinkSync(`/proc/${pid}/ns/net`)];
    return ours === theirs
      ? undefined
      : `the agent (process ${pid}) seems to be in another network namespace: run this with nsenter -t ${pid} -n`;
  } catch {
    return undefined; // its process is not to be seen from here: the trace will tell
  }
}

function fail(message: string): Result<never, LiveError> {
  return err({ kind: 'failed', message });
}
