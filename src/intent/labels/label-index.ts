/**
 * Which addresses each selector names, kept current as labels move.
 *
 *   owners × selectors ─[LabelIndex]→ members of address and port sets, and how they moved
 *
 * Owners of equal labels and ports are one group, and sets are joined by groups: a label change moves an owner from one group
 * to another, and touches the sets that only one of them is in. A new group visits only selectors that look at what is
 * different in it, a new selector only groups that carry what it demands.
 * Invariant: the members of a set are those of a naive evaluation of its selector over all owners, whatever the order of
 * calls was. A class, because it holds an index that lives across snapshots.
 */
import { isHost, type Prefix, printPrefix } from '../../net/prefix.ts';
import { sameItems } from '../../net/same-value.ts';
import { evaluateSelector } from '../../resources/selector/evaluate.ts';
import type { Selector } from '../../resources/selector/selector.ts';
import type { PortSetMember, SetId } from '../policy/policy-intent.ts';
import { addMember, type CountedMembers, makeCountedMembers, removeMember, takeChanges } from './counted-members.ts';
import type { NamedPort, Owner, SetDelta } from './owner.ts';
import { addTo, deleteFrom, OwnerPostings, SelectorPostings } from './postings.ts';
import { constraintOn, mentionedKeys, type Posting, requiredPostings } from './requirement.ts';
import { serviceKey } from './services.ts';

/** A named port, of one protocol or of each owner's own. */
export interface PortQuery {
  readonly name: string;
  readonly protocol: number | undefined;
}

/** An owner brings it to a set. */
interface Contributed<T> {
  readonly key: string;
  readonly member: T;
}

type Contribution<T> = readonly Contributed<T>[];

interface OwnerEntry {
  group: OwnerGroup;
  /** Each once. Most owners have one address, and are many: it stands here without a list around it. */
  prefixes: Prefix | readonly Prefix[];
}

/** Owners that no selector and no port query can tell apart. */
interface OwnerGroup {
  readonly key: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly ports: readonly NamedPort[];
  readonly owners: Set<OwnerEntry>;
  readonly sets: Set<SetEntry>;
}

interface SelectorFiling {
  readonly id: SetId;
  readonly selector: Selector;
  readonly keys: ReadonlySet<string>;
  /** Where a new group finds it; undefined when any group might match. */
  postings: readonly Posting[] | undefined;
  readonly groups: Set<OwnerGroup>;
  /** Number of the last visit, so that one group visits a selector once. */
  visit: number;
}

type SetEntry = SelectorFiling &
  (
    | { readonly kind: 'addresses'; readonly content: CountedMembers<Prefix> }
    | { readonly kind: 'ports'; readonly port: PortQuery; readonly content: CountedMembers<PortSetMember> }
  );

function isNetwork(prefix: Prefix): boolean {
  return !isHost(prefix);
}

export class LabelIndex {
  private readonly owners = new Map<string, OwnerEntry>();
  /** By what `groupKey` says of their owners. */
  private readonly groups = new Map<string, OwnerGroup>();
  private readonly sets = new Map<SetId, SetEntry>();
  private readonly groupPostings = new OwnerPostings<OwnerGroup>(() => this.groups.values());
  /** Where a new group looks: each selector under the cheapest of its demands. */
  private readonly demands = new SelectorPostings<SetEntry>();
  /** Selectors without a demand: every new group tries them. */
  private readonly undemanding = new Set<SetEntry>();
  /** Where a changed label looks: each selector under every label it looks at, by the values it demands there. */
  private readonly byChange = new SelectorPostings<SetEntry>();
  /** Selectors that look at a label without demanding anything of it. */
  private readonly byMention = new Map<string, Set<SetEntry>>();
  private readonly touched = new Set<SetEntry>();
  private visits = 0;

  get ownerCount(): number {
    return this.owners.size;
  }

  /** Every registered set, in the order of registration. */
  setIds(): readonly SetId[] {
    return [...this.sets.keys()];
  }

  has(id: SetId): boolean {
    return this.sets.has(id);
  }

  /** Adds an owner, or replaces the one of that id. */
  setOwner(owner: Owner): void {
    const known = this.owners.get(owner.id);
    const group = this.groupOf(owner, known?.group);
    const addresses = addressContribution(owner.prefixes);
    if (known) this.moveOwner(known, group, addresses);
    else {
      const entry: OwnerEntry = { group, prefixes: prefixesOf(addresses) };
      this.owners.set(owner.id, entry);
      group.owners.add(entry);
      for (const set of group.sets) this.add(set, addresses, group);
    }
  }

  removeOwner(id: string): void {
    const entry = this.owners.get(id);
    if (!entry) return;
    const { group } = entry;
    const addresses = contributionOf(entry);
    for (const set of group.sets) this.remove(set, addresses, group);
    this.owners.delete(id);
    this.abandon(group, entry);
  }

  /** Registers an address set; a set of that id stays as it is, because ids are made from selectors. */
  addSelector(id: SetId, selector: Selector): void {
    if (this.sets.has(id)) return;
    this.file({ ...filing(id, selector), kind: 'addresses', content: makeCountedMembers(isNetwork) });
  }

  /** Registers the named ports of the owners that the selector matches. */
  addPortSet(id: SetId, selector: Selector, port: PortQuery): void {
    if (this.sets.has(id)) return;
    this.file({
      ...filing(id, selector),
      kind: 'ports',
      port,
      content: makeCountedMembers(({ prefix }) => isNetwork(prefix)),
    });
  }

  /** Forgets a set, of either sort. */
  removeSelector(id: SetId): void {
    const set = this.sets.get(id);
    if (!set) return;
    this.sets.delete(id);
    this.touched.delete(set);
    for (const group of set.groups) group.sets.delete(set);
    for (const posting of set.postings ?? []) this.demands.delete(posting, set);
    this.undemanding.delete(set);
    for (const key of set.keys) {
      for (const posting of changePostings(set.selector, key) ?? []) this.byChange.delete(posting, set);
      deleteFrom(this.byMention, key, set);
    }
  }

  /** The members of an address set, live: later calls change the map. Empty for an unknown set. */
  members(id: SetId): ReadonlyMap<string, Prefix> {
    const set = this.sets.get(id);
    return set?.kind === 'addresses' ? set.content.members : new Map<string, Prefix>();
  }

  /** Those members of an address set that are no single addresses, live. */
  networks(id: SetId): ReadonlyMap<string, Prefix> {
    const set = this.sets.get(id);
    return set?.kind === 'addresses' ? set.content.wide : new Map<string, Prefix>();
  }

  /** Those members of a port set whose addresses are no single ones, live. */
  portNetworks(id: SetId): ReadonlyMap<string, PortSetMember> {
    const set = this.sets.get(id);
    return set?.kind === 'ports' ? set.content.wide : new Map<string, PortSetMember>();
  }

  /** The members of a port set, live. */
  portMembers(id: SetId): ReadonlyMap<string, PortSetMember> {
    const set = this.sets.get(id);
    return set?.kind === 'ports' ? set.content.members : new Map<string, PortSetMember>();
  }

  /**
   * How sets moved since the last call, sorted by id. A set registered since then has no delta: whoever registered it
   * reads its members whole.
   */
  takeDeltas(): SetDelta[] {
    const deltas: SetDelta[] = [];
    for (const set of [...this.touched].sort((a, b) => (a.id < b.id ? -1 : 1))) {
      if (set.kind === 'addresses') {
        const changes = takeChanges(set.content);
        if (changes) deltas.push({ kind: 'addresses', setId: set.id, ...changes });
      } else {
        const changes = takeChanges(set.content);
        if (changes) deltas.push({ kind: 'ports', setId: set.id, ...changes });
      }
    }
    this.touched.clear();
    return deltas;
  }

  /** Adds before it removes, so that an address which another owner takes over never leaves its sets. */
  private moveOwner(entry: OwnerEntry, group: OwnerGroup, addresses: Contribution<Prefix>): void {
    const before = entry.group;
    const old = contributionOf(entry);
    const isSame = sameItems(old, addresses, (a, b) => a.key === b.key);
    const samePorts = before.ports === group.ports || JSON.stringify(before.ports) === JSON.stringify(group.ports);
    if (before === group && isSame) return;
    for (const set of group.sets) {
      const stays = before === group || before.sets.has(set);
      if (stays && isSame && (set.kind === 'addresses' || samePorts)) continue;
      this.add(set, addresses, group);
      if (stays) this.remove(set, old, before);
    }
    if (before !== group) {
      for (const set of before.sets) if (!group.sets.has(set)) this.remove(set, old, before);
      group.owners.add(entry);
    }
    entry.group = group;
    if (!isSame) entry.prefixes = prefixesOf(addresses);
    if (before !== group) this.abandon(before, entry);
  }

  /** The group of such owners; a new one is made out of the one that its first owner leaves, where it does. */
  private groupOf({ labels, ports }: Owner, before: OwnerGroup | undefined): OwnerGroup {
    const key = groupKey(labels, ports);
    const known = before?.key === key ? before : this.groups.get(key);
    if (known) return known;
    const group: OwnerGroup = { key, labels, ports, owners: new Set(), sets: new Set() };
    this.groups.set(key, group);
    this.groupPostings.add(group, labels);
    const visit = ++this.visits;
    const consider = (set: SetEntry): void => {
      if (set.visit === visit) return;
      set.visit = visit;
      if (isSelected(set, labels)) join(set, group);
    };
    if (before) this.visitChanged(before, labels, group, consider);
    else {
      for (const set of this.undemanding) consider(set);
      for (const [label, value] of labels) this.demands.visit(label, value, consider);
    }
    return group;
  }

  /** Takes the sets over that look at nothing which differs, and visits those that do. */
  private visitChanged(
    before: OwnerGroup,
    labels: ReadonlyMap<string, string>,
    group: OwnerGroup,
    consider: (set: SetEntry) => void,
  ): void {
    const changed = changedKeys(before.labels, labels);
    for (const set of before.sets) {
      if (looksAt(set, changed)) consider(set);
      else join(set, group);
    }
    for (const key of changed) {
      const value = labels.get(key);
      if (value !== undefined) this.byChange.visit(key, value, consider);
      for (const set of this.byMention.get(key) ?? []) consider(set);
    }
  }

  /** An owner leaves a group, which is dropped with its last one. */
  private abandon(group: OwnerGroup, entry: OwnerEntry): void {
    group.owners.delete(entry);
    if (group.owners.size > 0) return;
    for (const set of group.sets) set.groups.delete(group);
    this.groupPostings.delete(group, group.labels);
    this.groups.delete(group.key);
  }

  private file(set: SetEntry): void {
    const { selector } = set;
    this.sets.set(set.id, set);
    set.postings = requiredPostings(selector, (posting) => this.cost(posting));
    if (set.postings) for (const posting of set.postings) this.demands.add(posting, set);
    else this.undemanding.add(set);
    for (const key of set.keys) {
      const postings = changePostings(selector, key);
      if (postings) for (const posting of postings) this.byChange.add(posting, set);
      else addTo(this.byMention, key, set);
    }
    const candidates = set.postings ? this.findAll(set.postings) : this.groups.values();
    for (const group of candidates) {
      if (group.sets.has(set) || !isSelected(set, group.labels)) continue;
      join(set, group);
      for (const entry of group.owners) this.add(set, contributionOf(entry), group);
    }
    this.touched.add(set);
  }

  /** Groups to try for the selector; among equals, selectors to try for a group, so that the lists stay even. */
  private cost(posting: Posting): number {
    return this.groupPostings.count(posting) + this.demands.count(posting) * 1e-6;
  }

  private *findAll(postings: readonly Posting[]): Iterable<OwnerGroup> {
    for (const posting of postings) yield* this.groupPostings.find(posting);
  }

  private add(set: SetEntry, addresses: Contribution<Prefix>, { ports }: OwnerGroup): void {
    this.touched.add(set);
    if (set.kind === 'addresses') for (const { key, member } of addresses) addMember(set.content, key, member);
    else {
      for (const { key, member } of portContribution(ports, addresses, set.port)) addMember(set.content, key, member);
    }
  }

  private remove(set: SetEntry, addresses: Contribution<Prefix>, { ports }: OwnerGroup): void {
    this.touched.add(set);
    if (set.kind === 'addresses') for (const { key } of addresses) removeMember(set.content, key);
    else for (const { key } of portContribution(ports, addresses, set.port)) removeMember(set.content, key);
  }
}

function join(set: SetEntry, group: OwnerGroup): void {
  group.sets.add(set);
  set.groups.add(group);
}

/** Of label maps, which many owners share. */
const labelKeys = new WeakMap<ReadonlyMap<string, string>, string>();

/** Equal for owners of equal labels and ports. */
function groupKey(labels: ReadonlyMap<string, string>, ports: readonly NamedPort[]): string {
  const key = labelKeys.get(labels) ?? JSON.stringify([...labels].sort(([a], [b]) => (a < b ? -1 : 1)));
  labelKeys.set(labels, key);
  return ports.length === 0 ? key : `${key} ${JSON.stringify(ports)}`;
}

function filing(id: SetId, selector: Selector): SelectorFiling {
  return {
    id,
    selector,
    keys: mentionedKeys(selector),
    postings: undefined,
    groups: new Set(),
    visit: 0,
  };
}

/** Endpoints of Services are found by the sets that ask for a Service, and by no other (see services.ts). */
function isSelected({ keys, selector }: SelectorFiling, labels: ReadonlyMap<string, string>): boolean {
  return keys.has(serviceKey) === labels.has(serviceKey) && evaluateSelector(selector, labels);
}

/** The values of one label that can make the selector true; undefined when the label's absence can too. */
function changePostings(selector: Selector, key: string): readonly Posting[] | undefined {
  const constraint = constraintOn(selector, key);
  if (constraint === 'free') return undefined;
  return constraint === 'present' ? [{ key, value: undefined }] : [...constraint].map((value) => ({ key, value }));
}

function changedKeys(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  if (before === after) return [];
  const changed: string[] = [];
  for (const [key, value] of before) if (after.get(key) !== value) changed.push(key);
  for (const key of after.keys()) if (!before.has(key)) changed.push(key);
  return changed;
}

function looksAt(set: SetEntry, keys: readonly string[]): boolean {
  for (const key of keys) if (set.keys.has(key)) return true;
  return false;
}

/** Each prefix once: an owner that names an address twice still counts as one. */
function addressContribution(prefixes: readonly Prefix[]): Contribution<Prefix> {
  const [first] = prefixes;
  if (first && prefixes.length === 1) return [{ key: printPrefix(first), member: first }];
  const byKey = new Map(prefixes.map((prefix) => [printPrefix(prefix), prefix]));
  return [...byKey].map(([key, member]) => ({ key, member }));
}

function contributionOf({ prefixes }: OwnerEntry): Contribution<Prefix> {
  const list = 'bits' in prefixes ? [prefixes] : prefixes;
  return list.map((member) => ({ key: printPrefix(member), member }));
}

function prefixesOf(addresses: Contribution<Prefix>): OwnerEntry['prefixes'] {
  const [first] = addresses;
  return first && addresses.length === 1 ? first.member : addresses.map(({ member }) => member);
}

function portContribution(
  ports: readonly NamedPort[],
  addresses: Contribution<Prefix>,
  query: PortQuery,
): Contribution<PortSetMember> {
  const byKey = new Map<string, PortSetMember>();
  for (const { name, protocol, port } of ports) {
    if (name !== query.name || (query.protocol !== undefined && query.protocol !== protocol)) continue;
    for (const { key, member: prefix } of addresses)
      byKey.set(`${key},${protocol}:${port}`, { prefix, protocol, port });
  }
  return [...byKey].map(([key, member]) => ({ key, member }));
}
