/**
 * What policy says of a packet that the kernel told of.
 *
 *   LogMessage with interface names ─[readTold]→ ToldPacket ─[explainTold]→ Explained → flow-journal.ts
 *
 * The kernel says where it denied a packet, and `verdict/` by which rule; the two are held against each other.
 * Invariant: what the kernel did is what the record says; where the walk of the policy in force comes to something else
 * (policy changed meanwhile, or the packet was translated and the kernel does not tell from what) no rule is named.
 */
import type { PolicyIntent, PolicyRules } from '../intent/policy/policy-intent.ts';
import { equalAddresses, printAddress } from '../net/address.ts';
import { printProtocol } from '../net/ip-protocol.ts';
import { type LogPlace, type LogTag, parseLogTag } from '../nftables/flow-log.ts';
import { expandLogPrefix } from '../nftables/log-prefix.ts';
import { explainPacket } from '../verdict/explain-packet.ts';
import { resolvePassage } from '../verdict/explain-query.ts';
import type { Fib } from '../verdict/fib.ts';
import type { Packet, Passage } from '../verdict/packet.ts';
import type { AddressOwner } from '../verdict/packet-ends.ts';
import { compareStaged, walkStaged } from '../verdict/staged-verdict.ts';
import type { RuleReference, Verdict, VerdictStage } from '../verdict/verdict.ts';
import { type DecodedPacket, decodePacket } from './decode-packet.ts';
import type { FlowTuple } from './established/tracked-flow.ts';
import type { FlowEnd, FlowRecord } from './flow-record.ts';
import type { LogHook, LogMessage } from './nflog-message.ts';

/** A message with its packet decoded. */
export interface ToldPacket {
  readonly prefix: string;
  /** Undefined for the message of a Log rule. */
  readonly tag: LogTag | undefined;
  readonly hook: LogHook;
  readonly in: string | undefined;
  readonly out: string | undefined;
  readonly decoded: DecodedPacket;
  readonly original: FlowTuple | undefined;
  /** Equal for packets whose records differ in nothing but their time. */
  readonly flow: string;
}

/** Undefined where there is no packet in it. `nameOf` gives an interface's name by its index. */
export function readTold(message: LogMessage, nameOf: (index: number) => string): ToldPacket | undefined {
  const decoded = decodePacket(message.packet);
  if (!decoded) return undefined;
  const { prefix, hook, original } = message;
  const name = (index: number | undefined) => (index === undefined ? undefined : nameOf(index));
  const told = { prefix, tag: parseLogTag(prefix), hook, in: name(message.inbound), out: name(message.outbound) };
  return { ...told, decoded, original, flow: flowKey(told, decoded) };
}

/** A packet may be sampled in several places, in some of which it has no interface to leave by yet. */
function flowKey(
  { tag, prefix, in: inbound, out }: Omit<ToldPacket, 'decoded' | 'original' | 'flow'>,
  { packet }: DecodedPacket,
): string {
  const { source, destination, protocol, sourcePort, destinationPort, icmpType, icmpCode } = packet;
  const told = tag?.word === 'sample' ? [tag.word, inbound] : [prefix, inbound, out];
  const ends = [source.family, source.bits, destination.bits, protocol];
  return [...told, ...ends, sourcePort, destinationPort, icmpType, icmpCode].join(' ');
}

export interface FlowContext {
  /** In force. */
  readonly policy: PolicyIntent;
  readonly findOwners: (address: Packet['source']) => readonly AddressOwner[];
  /** Where packets go that are told of before routing; undefined where the routes are not known. */
  readonly fib: Fib | undefined;
}

export interface Explained {
  /** Undefined where there is nothing to record: a sampled packet that is denied further on, or that staged policy lets be. */
  readonly record: Omit<FlowRecord, 'time' | 'packets'> | undefined;
  /** How many messages with this prefix each packet of the flow makes. */
  readonly messagesOfEach: number;
  /** Both walks, where there is staged policy and the walk agrees with the kernel. */
  readonly walks: { readonly enforced: Verdict; readonly staged: Verdict } | undefined;
}

export function explainTold(context: FlowContext, told: ToldPacket): Explained {
  const { policy } = context;
  const packet = packetOf(told);
  const passage = passageOf(context, told, packet);
  const enforced = explainPacket(policy, passage, packet, () => undefined);
  const staged = walkStaged(policy, passage, packet);
  const walks = staged && { enforced, staged };
  const base = { ...describe(context, told, passage), staged: staged ? compareStaged(staged, enforced) : null };
  const { verdict, stage, rule, reason } = enforced;
  const said = { verdict, stage, rule, reason };
  switch (told.tag?.word) {
    case undefined: {
      const loggedBy = logRulesOf(policy, enforced, told.prefix);
      const note = loggedBy.length > 0 ? null : 'no Log rule of the policy in force has this prefix';
      const record = { event: 'logged', ...base, ...said, loggedBy, note: joinNotes(note, told.decoded) } as const;
      return { record, messagesOfEach: Math.max(1, loggedBy.length), walks: undefined };
    }
    case 'sample': {
      if (verdict !== 'accept') return { record: undefined, messagesOfEach: 1, walks: undefined };
      if (base.staged?.differs !== true) return { record: undefined, messagesOfEach: 1, walks };
      const record = { event: 'sampled', ...base, ...said, loggedBy: [], note: joinNotes(null, told.decoded) } as const;
      return { record, messagesOfEach: 1, walks };
    }
    case 'deny':
    case 'invalid': {
      const kernel = kernelVerdict(policy, told.tag.place);
      const agrees = verdict !== 'accept' && stage === kernel.stage;
      const decided = agrees ? { ...said, verdict: kernel.verdict } : { ...kernel, rule: null, reason: untold };
      const note = agrees ? null : `the policy in force would ${verdict} it: ${reason}`;
      const record = {
        event: 'denied',
        ...base,
        ...decided,
        loggedBy: [],
        note: joinNotes(note, told.decoded),
      } as const;
      return {
        record: agrees ? record : { ...record, staged: null },
        messagesOfEach: 1,
        walks: agrees ? walks : undefined,
      };
    }
  }
}

const untold = 'denied by the kernel; which rule cannot be told: policy changed since, or an address was translated';

function packetOf({ decoded, original, tag }: ToldPacket): Packet {
  const packet: Packet = { ...decoded.packet, ctState: tag?.word === 'invalid' ? 'invalid' : 'new' };
  if (!original) return packet;
  const { destination, destinationPort } = original;
  const isTranslated =
    destination.family === packet.destination.family &&
    (!equalAddresses(destination, packet.destination) || destinationPort !== packet.destinationPort);
  if (!isTranslated) return packet;
  return { ...packet, beforeNat: { destination, ...(destinationPort === undefined ? {} : { destinationPort }) } };
}

/** An interface that the kernel does not tell has no name, and so no endpoint of its own. */
function passageOf({ fib }: FlowContext, told: ToldPacket, packet: Packet): Passage {
  const inbound = told.in ?? '';
  const outbound = told.out ?? '';
  switch (told.hook) {
    case 'prerouting':
      return (fib && resolvePassage(fib, { in: inbound, packet }).passage) ?? { kind: 'local-in', inbound };
    case 'input':
      return { kind: 'local-in', inbound };
    case 'forward':
      return { kind: 'forward', inbound, outbound };
    case 'output':
    case 'postrouting':
      return { kind: 'local-out', outbound };
  }
}

function describe({ findOwners }: FlowContext, { decoded }: ToldPacket, passage: Passage) {
  const { packet } = decoded;
  const end = (address: Packet['source'], port: number | undefined): FlowEnd => {
    return { address: printAddress(address), port: port ?? null, owners: findOwners(address) };
  };
  return {
    in: 'inbound' in passage ? passage.inbound : null,
    out: 'outbound' in passage ? passage.outbound : null,
    source: end(packet.source, packet.sourcePort),
    destination: end(packet.destination, packet.destinationPort),
    protocol: printProtocol(packet.protocol),
    icmp: packet.icmpType === undefined ? null : { type: packet.icmpType, code: packet.icmpCode ?? 0 },
  };
}

function joinNotes(note: string | null, { isLaterFragment, isCutOff }: DecodedPacket): string | null {
  const notes = [
    ...(note === null ? [] : [note]),
    ...(isLaterFragment ? ['a later fragment: it has no ports'] : []),
    ...(isCutOff ? ['cut off: it shows no ports'] : []),
  ];
  return notes.length === 0 ? null : notes.join('; ');
}

/** Log rules on the packet's way that write this prefix, each once. */
function logRulesOf(policy: PolicyIntent, { trace }: Verdict, prefix: string): readonly RuleReference[] {
  return trace.flatMap(({ event, rule, policy: id }) => {
    if (event !== 'rule-matched' || !rule || id === null) return [];
    const rules = rulesOf(policy, id);
    const isLog = rules?.[rule.direction].find(({ index }) => index === rule.index)?.action === 'Log';
    return rules && isLog && expandLogPrefix(policy.logPrefix, rules) === prefix ? [rule] : [];
  });
}

function rulesOf(policy: PolicyIntent, id: string): PolicyRules | undefined {
  return policy.policies.get(id) ?? policy.profiles.get(id.replace(/^Profile\//, ''));
}

/** What the kernel does with a packet that it denies in the place. */
function kernelVerdict(
  { denyVerdict }: PolicyIntent,
  place: LogPlace,
): { stage: VerdictStage; verdict: 'drop' | 'reject' } {
  switch (place) {
    case 'untracked-in':
      return { stage: 'untracked-ingress', verdict: 'drop' };
    case 'untracked-out':
      return { stage: 'untracked-egress', verdict: 'drop' };
    case 'prednat':
      return { stage: 'preDNAT-ingress', verdict: 'drop' };
    case 'local-in':
      return { stage: 'normal-ingress', verdict: denyVerdict };
    case 'local-out':
      return { stage: 'normal-egress', verdict: denyVerdict };
    case 'local-dnat':
      return { stage: 'normal-egress', verdict: 'drop' };
    case 'forward-in':
      return { stage: 'forward-ingress', verdict: denyVerdict };
    case 'forward-out':
      return { stage: 'forward-egress', verdict: denyVerdict };
    case 'forward-default':
    case 'workload-in':
      return { stage: 'default', verdict: 'drop' };
  }
}
