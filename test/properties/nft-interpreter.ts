/**
 * Walks a packet through a Ruleset as the kernel would (nft(8), and the kernel's nf_tables where the manual is silent).
 *
 *   Ruleset + Passage + Packet ─[interpretRuleset]→ accept, drop or reject, and the comments of the rules that fired
 *
 * Invariant: strict. A node that the kernel would refuse or that means nothing at its place is an error, never a guess. It
 * knows nothing of policy: what the ruleset was compiled from is none of its business.
 */
import { type Address, equalAddresses, parseAddress } from '../../src/net/address.ts';
import { hasPorts } from '../../src/net/ip-protocol.ts';
import { containsAddress, isHost, networkAddress } from '../../src/net/prefix.ts';
import { markMask } from '../../src/nftables/marks.ts';
import {
  type Chain,
  type CtStateName,
  type Field,
  type FieldValue,
  firstClass,
  type Hook,
  type Key,
  type Match,
  type Outcome,
  type Rule,
  type Ruleset,
  type Side,
  type Statement,
  type Verdict,
} from '../../src/nftables/ruleset.ts';
import type { Packet, Passage } from '../../src/verdict/packet.ts';

/**
 * What `th sport` and `th dport` read in a packet whose protocol has no ports: whatever bytes stand there (an ICMP checksum,
 * an SPI), or nothing in a packet too short, and then the whole rule is passed over (seen in Linux 6.18). No verdict may depend
 * on it.
 */
export type PortlessBytes = { readonly sourcePort: number; readonly destinationPort: number } | 'too short';

export interface InterpretedVerdict {
  readonly verdict: 'accept' | 'drop' | 'reject';
  /** Comments of the rules and map elements that gave a verdict, in order. */
  readonly comments: readonly string[];
}

interface Walk {
  readonly ruleset: Ruleset;
  packet: Packet;
  readonly portless: PortlessBytes;
  readonly comments: string[];
  mark: number;
  /** The note of a class: the packet's priority. */
  class: number;
  ctState: CtStateName;
}

interface HookPoint {
  readonly hook: Hook;
  readonly priority: number;
  readonly inbound?: string;
  readonly outbound?: string;
}

type Final = 'accept' | 'drop' | 'reject';
/** What a chain did: a final verdict, or it ended and the caller goes on. */
type ChainResult = Final | 'end';

/** Conntrack's own hook (NF_IP_PRI_CONNTRACK): before it a packet has no state, and only before it can it be untracked. */
const conntrackPriority = -200;
/** NF_IP_PRI_NAT_DST. */
const dstnatPriority = -100;
/** NFT_JUMP_STACK_SIZE. */
const jumpStackSize = 16;

/** A priority as a stranger may have left it, in the very range of our classes: the most misleading one. */
const foreignClass = firstClass + 1;

/** A mark as a stranger may have left it: every bit of ours set, and some of theirs. */
const foreignMark = 0xff5a5a5a;

export function interpretRuleset(
  ruleset: Ruleset,
  passage: Passage,
  packet: Packet,
  portless: PortlessBytes = 'too short',
): InterpretedVerdict {
  const walk: Walk = {
    ruleset,
    packet,
    portless,
    comments: [],
    mark: foreignMark,
    class: foreignClass,
    ctState: packet.ctState,
  };
  const verdict = walkHooks(walk, hooksOf(passage));
  const theirs = ~markMask;
  if ((walk.mark & theirs) !== (foreignMark & theirs)) throw new Error('mark bits of others were changed');
  const isClassLeft = walk.class !== foreignClass && walk.class !== 0;
  if (verdict === 'accept' && isClassLeft) throw new Error('a packet left with the note of its class');
  return { verdict, comments: walk.comments };
}

function hooksOf(passage: Passage): Omit<HookPoint, 'priority'>[] {
  switch (passage.kind) {
    case 'local-in':
      return [
        { hook: 'prerouting', inbound: passage.inbound },
        { hook: 'input', inbound: passage.inbound },
      ];
    case 'local-out':
      return [
        { hook: 'output', outbound: passage.outbound },
        { hook: 'postrouting', outbound: passage.outbound },
      ];
    case 'forward':
      return [
        { hook: 'prerouting', inbound: passage.inbound },
        { hook: 'forward', inbound: passage.inbound, outbound: passage.outbound },
        { hook: 'postrouting', outbound: passage.outbound },
      ];
  }
}

/** An accept ends one base chain: the next one, by priority and then by hook, still sees the packet. */
function walkHooks(walk: Walk, hooks: readonly Omit<HookPoint, 'priority'>[]): Final {
  const { packet } = walk;
  const bases = [...walk.ruleset.chains.values()].flatMap((chain) => (chain.base ? [{ chain, base: chain.base }] : []));
  for (const hook of hooks) {
    const here = bases.filter(({ base }) => base.hook === hook.hook);
    for (const { chain, base } of here.toSorted((a, b) => a.base.priority - b.base.priority)) {
      walk.packet = packetAt(packet, hook.hook, base.priority);
      const result = walkChain(walk, { ...hook, priority: base.priority }, chain, 0);
      if (result === 'drop' || result === 'reject') return result;
    }
  }
  return 'accept';
}

/** What the packet looks like there: until NAT it goes where it was sent to. */
function packetAt(packet: Packet, hook: Hook, priority: number): Packet {
  const isBefore = (hook === 'prerouting' || hook === 'output') && priority < dstnatPriority;
  return isBefore ? { ...packet, ...packet.beforeNat } : packet;
}

function walkChain(walk: Walk, at: HookPoint, chain: Chain, depth: number): ChainResult {
  if (depth > jumpStackSize) throw new Error(`more than ${jumpStackSize} jumps deep in ${chain.name}`);
  for (const rule of chain.rules) {
    if (!rule.matches.every((match) => matches(walk, at, match))) continue;
    if (!rule.statements.every((statement) => run(walk, at, statement))) continue;
    const decided = decide(walk, at, rule);
    if (decided === undefined) continue;
    if (decided.comment !== undefined) walk.comments.push(decided.comment);
    const { verdict } = decided;
    switch (verdict.kind) {
      case 'accept':
      case 'drop':
        return verdict.kind;
      case 'reject':
        return reject(at);
      case 'return':
        return 'end';
      case 'jump': {
        const result = walkChain(walk, at, chainNamed(walk, verdict.chain), depth + 1);
        if (result !== 'end') return result;
        break;
      }
      case 'goto':
        return walkChain(walk, at, chainNamed(walk, verdict.chain), depth);
    }
  }
  return 'end';
}

function reject(at: HookPoint): 'reject' {
  if (at.hook !== 'input' && at.hook !== 'forward' && at.hook !== 'output') throw new Error(`reject in ${at.hook}`);
  return 'reject';
}

function chainNamed(walk: Walk, name: string): Chain {
  const chain = walk.ruleset.chains.get(name);
  if (!chain) throw new Error(`no chain ${name}`);
  if (chain.base) throw new Error(`jump to base chain ${name}`);
  return chain;
}

interface Decided {
  readonly verdict: Verdict | { readonly kind: 'reject' };
  readonly comment: string | undefined;
}

/** Undefined where the rule has no outcome, or its lookup finds nothing. */
function decide(walk: Walk, at: HookPoint, rule: Rule): Decided | undefined {
  const { outcome, comment } = rule;
  if (outcome === undefined) return undefined;
  switch (outcome.kind) {
    case 'accept':
    case 'drop':
    case 'return':
    case 'jump':
    case 'goto':
    case 'reject':
      return { verdict: outcome, comment };
    case 'lookup':
      return lookUp(walk, at, outcome, comment);
    case 'ct-state-lookup': {
      const state = ctStateAt(walk, at);
      const found = outcome.verdicts.filter(([name]) => name === state);
      if (found.length > 1) throw new Error(`ct state ${state} twice in one map`);
      return found[0] && { verdict: found[0][1], comment };
    }
  }
}

function lookUp(
  walk: Walk,
  at: HookPoint,
  outcome: Extract<Outcome, { kind: 'lookup' }>,
  comment: string | undefined,
): Decided | undefined {
  const map = walk.ruleset.maps.get(outcome.map);
  if (!map) throw new Error(`no map ${outcome.map}`);
  checkFields(outcome.fields, map.fields, map.name);
  const values = readFields(walk, at, outcome.fields);
  if (!values) return undefined;
  const found = [...map.elements.values()].filter(({ key }) => holdsAll(key, values));
  if (found.length > 1) throw new Error(`elements of map ${map.name} overlap`);
  return found[0] && { verdict: found[0].verdict, comment: found[0].comment ?? comment };
}

function matches(walk: Walk, at: HookPoint, match: Match): boolean {
  const { packet } = walk;
  switch (match.kind) {
    case 'family':
      return packet.source.family === match.family;
    case 'address': {
      if (packet.source.family !== match.family) return false;
      return isAddressIn(walk, match.in, addressOf(packet, match.side)) !== match.negated;
    }
    case 'protocol':
      return match.protocols.includes(packet.protocol) !== match.negated;
    case 'port': {
      const port = portOf(walk, match.side);
      if (port === undefined) return false;
      return match.ranges.some(({ first, last }) => first <= port && port <= last) !== match.negated;
    }
    case 'icmp': {
      if (packet.source.family !== match.family || packet.protocol !== (match.family === 4 ? 1 : 58)) return false;
      const value = (match.field === 'type' ? packet.icmpType : packet.icmpCode) ?? -1;
      return (match.first <= value && value <= match.last) !== match.negated;
    }
    case 'interface':
      return match.names.includes(interfaceOf(at, match.side)) !== match.negated;
    case 'interface-prefix':
      return interfaceOf(at, match.side).startsWith(match.prefix);
    case 'ct-state':
      return match.states.includes(ctStateAt(walk, at));
    case 'tcp-syn':
    case 'segment-size-above':
      throw new Error('no link of a property clamps segments');
    case 'ct-dnat':
      return (packet.beforeNat !== undefined && walk.ctState !== 'untracked') === match.isSet;
    case 'mark':
      return ((walk.mark & match.mask) !== 0) === match.isSet;
    case 'tuple': {
      const set = walk.ruleset.sets.get(match.set);
      if (set?.kind !== 'tuples') throw new Error(`no set of tuples ${match.set}`);
      checkFields(match.fields, set.fields, set.name);
      const values = readFields(walk, at, match.fields);
      if (!values) return false;
      return [...set.elements.values()].some((key) => holdsAll(key, values)) !== match.negated;
    }
  }
}

function isAddressIn(walk: Walk, list: Extract<Match, { kind: 'address' }>['in'], address: Address): boolean {
  if ('prefixes' in list) {
    if (list.prefixes.length === 0) throw new Error('an address match without prefixes');
    return list.prefixes.some((prefix) => containsAddress(prefix, address));
  }
  const set = walk.ruleset.sets.get(list.set);
  if (set?.kind !== 'addresses') throw new Error(`no set of addresses ${list.set}`);
  if (set.family !== address.family) throw new Error(`set ${set.name} is of another family`);
  return [...set.elements.values()].some((prefix) =>
    set.holds === 'hosts'
      ? isHost(prefix) && equalAddresses(networkAddress(prefix), address)
      : containsAddress(prefix, address),
  );
}

/** False where the kernel leaves the rule at the statement. */
function run(walk: Walk, at: HookPoint, statement: Statement): boolean {
  switch (statement.kind) {
    case 'counter':
    case 'log':
    // Within its limit; what is told of a packet must not change what becomes of it, and a limit stands before telling alone.
    case 'limit':
      return true;
    case 'mark':
      walk.mark = ((walk.mark & ~statement.clear) | statement.set) >>> 0;
      return true;
    case 'segment-size':
      throw new Error('no link of a property clamps segments');
    case 'tell-end-only':
      throw new Error('no router of a property is one of a pair');
    case 'notrack':
      if (at.priority >= conntrackPriority) throw new Error(`notrack after conntrack, in ${at.hook}`);
      walk.ctState = 'untracked';
      return true;
    case 'class': {
      const found = classOf(walk, statement.map, addressOf(walk.packet, statement.side));
      walk.class = found ?? walk.class;
      return found !== undefined;
    }
    case 'no-class':
      walk.class = 0;
      return true;
  }
}

/** Undefined where the map does not have the address. */
function classOf({ ruleset }: Walk, name: string, address: Address): number | undefined {
  const map = ruleset.classes.get(name);
  if (!map) throw new Error(`no class map ${name}`);
  if (map.family !== address.family) return undefined;
  for (const [key, number] of map.classes) {
    const [first, last] = key.split('-');
    const from = parseAddress(first ?? '');
    const to = last === undefined ? from : parseAddress(last);
    if (!from || !to) throw new Error(`class map ${name} has key ${key}`);
    if (from.bits <= address.bits && address.bits <= to.bits) return number;
  }
  return undefined;
}

function ctStateAt(walk: Walk, at: HookPoint): CtStateName {
  const isBefore = at.priority < conntrackPriority && (at.hook === 'prerouting' || at.hook === 'output');
  if (isBefore && walk.ctState !== 'untracked') throw new Error(`ct state asked before conntrack, in ${at.hook}`);
  return walk.ctState;
}

function interfaceOf(at: HookPoint, side: 'in' | 'out'): string {
  const name = side === 'in' ? at.inbound : at.outbound;
  if (name === undefined) throw new Error(`no ${side}bound interface in ${at.hook}`);
  return name;
}

function addressOf(packet: Packet, side: Side): Address {
  return side === 'source' ? packet.source : packet.destination;
}

function portOf({ packet, portless }: Walk, side: Side): number | undefined {
  const field = side === 'source' ? 'sourcePort' : 'destinationPort';
  if (hasPorts(packet.protocol)) return packet[field];
  return portless === 'too short' ? undefined : portless[field];
}

/** Undefined when the packet lacks one of the fields: the kernel then leaves the rule. */
function readFields(walk: Walk, at: HookPoint, fields: readonly Field[]): (Address | number | string)[] | undefined {
  const values: (Address | number | string)[] = [];
  for (const field of fields) {
    switch (field.kind) {
      case 'address': {
        if (walk.packet.source.family !== field.family) return undefined;
        values.push(addressOf(walk.packet, field.side));
        break;
      }
      case 'protocol':
        values.push(walk.packet.protocol);
        break;
      case 'port': {
        const port = portOf(walk, field.side);
        if (port === undefined) return undefined;
        values.push(port);
        break;
      }
      case 'interface':
        values.push(interfaceOf(at, field.side));
        break;
      case 'class':
        values.push(walk.class);
        break;
    }
  }
  return values;
}

function holdsAll(key: Key, values: readonly (Address | number | string)[]): boolean {
  if (key.length !== values.length) throw new Error(`a key of ${key.length} parts for ${values.length} fields`);
  return key.every((part, i) => holds(part, values[i]));
}

function holds(part: FieldValue, value: Address | number | string | undefined): boolean {
  switch (part.kind) {
    case 'prefix':
      if (typeof value !== 'object') throw new Error('a prefix where no address is');
      return containsAddress(part.prefix, value);
    case 'addresses':
      if (typeof value !== 'object') throw new Error('addresses where no address is');
      return part.family === value.family && part.first <= value.bits && value.bits <= part.last;
    case 'range':
      if (typeof value !== 'number') throw new Error('a range where no number is');
      return part.first <= value && value <= part.last;
    case 'name':
      if (typeof value !== 'string') throw new Error('a name where no interface is');
      return part.name === value;
    case 'class':
      return part.class === value;
  }
}

/** A set's or map's key type is fixed when it is declared; the side that a lookup reads from is not part of it. */
function checkFields(used: readonly Field[], declared: readonly Field[], name: string): void {
  const shape = (fields: readonly Field[]) =>
    fields.map((field) => (field.kind === 'address' ? `address${field.family}` : field.kind)).join(' . ');
  if (shape(used) !== shape(declared)) throw new Error(`${name} holds ${shape(declared)}, asked for ${shape(used)}`);
}
