/**
 * Which addresses each selector names, kept current as labels move.
 *
 *   owners × selectors ─[LabelIndex]→ members of address and port sets, and how they moved
 *
 * A label change visits only selectors that look at the changed label, and of those that demand a value only the ones that
 * demand the new one; a new selector visits only owners that carry what it demands.
 * Invariant: the members of a set are those of a naive evaluation of its selector over all owners, whatever the order of
 * calls was. A class, because it holds an index that lives across snapshots.
 */
import { type Prefix, printPrefix } from '../../net/prefix.ts';
import { evaluateSelector } from '../../resources/selector/evaluate.ts';
import type { Selector } from '../../resources/selector/selector.ts';
import type { PortSetMember, SetId } from '../policy/policy-intent.ts';
import { addMember, type CountedMembers, makeCountedMembers, removeMember, takeChanges } from './counted-members.ts';
import type { Owner, SetDelta } from './owner.ts';
import { addTo, deleteFrom, OwnerPostings, SelectorPostings } from './postings.ts';
import { constraintOn, mentionedKeys, type Posting, requiredPostings } from './requirement.ts';
import { serviceKey } from './services.ts';

/** A named port, of one protocol or of each owner's own. */
export interface PortQuery {
  readonly name: string;
  readonly protocol: number | undefined;
}

type Contribution<T> = readonly (readonly [key: string, member: T])[];

interface OwnerEntry {
  owner: Owner;
  labels: ReadonlyMap<string, string>;
  addresses: Contribution<Prefix>;
  readonly sets: Set<SetEntry>;
}

interface SelectorFiling {
  readonly id: SetId;
  readonly selector: Selector;
  readonly keys: ReadonlySet<string>;
  /** Where a new owner finds it; undefined when any owner might match. */
  postings: readonly Posting[] | undefined;
  readonly owners: Set<OwnerEntry>;
  /** Number of the last visit, so that one owner's update visits a selector once. */
  visit: number;
}

type SetEntry = SelectorFiling &
  (
    | { readonly kind: 'addresses'; readonly content: CountedMembers<Prefix> }
    | { readonly kind: 'ports'; readonly port: PortQuery; readonly content: CountedMembers<PortSetMember> }
  );

export class LabelIndex {
  private readonly owners = new Map<string, OwnerEntry>();
  private readonly sets = new Map<SetId, SetEntry>();
  private readonly ownerPostings = new OwnerPostings<OwnerEntry>(() => this.owners.values());
  /** Where a new owner looks: each selector under the cheapest of its demands. */
  private readonly demands = new SelectorPostings<SetEntry>();
  /** Selectors without a demand: every new owner tries them. */
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
    if (known) this.updateOwner(known, owner);
    else this.addOwner(owner);
  }

  removeOwner(id: string): void {
    const entry = this.owners.get(id);
    if (!entry) return;
    for (const set of entry.sets) this.leave(set, entry);
    this.ownerPostings.delete(entry, entry.labels);
    this.owners.delete(id);
  }

  /** Registers an address set; a set of that id stays as it is, because ids are made from selectors. */
  addSelector(id: SetId, selector: Selector): void {
    if (this.sets.has(id)) return;
    this.file({ ...filing(id, selector), kind: 'addresses', content: makeCountedMembers() });
  }

  /** Registers the named ports of the owners that the selector matches. */
  addPortSet(id: SetId, selector: Selector, port: PortQuery): void {
    if (this.sets.has(id)) return;
    this.file({ ...filing(id, selector), kind: 'ports', port, content: makeCountedMembers() });
  }

  /** Forgets a set, of either sort. */
  removeSelector(id: SetId): void {
    const set = this.sets.get(id);
    if (!set) return;
    this.sets.delete(id);
    this.touched.delete(set);
    for (const entry of set.owners) entry.sets.delete(set);
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

  private addOwner(owner: Owner): void {
    const addresses = addressContribution(owner);
    const entry: OwnerEntry = { owner, labels: owner.labels, addresses, sets: new Set() };
    this.owners.set(owner.id, entry);
    this.ownerPostings.add(entry, owner.labels);
    const visit = ++this.visits;
    const consider = (set: SetEntry): void => {
      if (set.visit === visit) return;
      set.visit = visit;
      if (isSelected(set, owner.labels)) this.join(set, entry);
    };
    for (const set of this.undemanding) consider(set);
    for (const [key, value] of owner.labels) this.demands.visit(key, value, consider);
  }

  private updateOwner(entry: OwnerEntry, owner: Owner): void {
    const changed = changedKeys(entry.labels, owner.labels);
    const leaving: SetEntry[] = [];
    for (const set of entry.sets) {
      if (looksAt(set, changed) && !isSelected(set, owner.labels)) leaving.push(set);
    }
    for (const set of leaving) {
      this.leave(set, entry);
      entry.sets.delete(set);
    }
    this.replaceContributions(entry, owner);
    for (const key of changed) this.ownerPostings.change(entry, key, entry.labels.get(key), owner.labels.get(key));
    entry.labels = owner.labels;
    this.joinChanged(entry, changed);
  }

  private joinChanged(entry: OwnerEntry, changed: readonly string[]): void {
    const visit = ++this.visits;
    const consider = (set: SetEntry): void => {
      if (set.visit === visit || entry.sets.has(set)) return;
      set.visit = visit;
      if (isSelected(set, entry.labels)) this.join(set, entry);
    };
    for (const key of changed) {
      const value = entry.labels.get(key);
      if (value !== undefined) this.byChange.visit(key, value, consider);
      for (const set of this.byMention.get(key) ?? []) consider(set);
    }
  }

  /** Moves the addresses and ports of an owner in the sets it stays in; adds before it removes, so counts never touch 0. */
  private replaceContributions(entry: OwnerEntry, owner: Owner): void {
    const before = entry.owner;
    const oldAddresses = entry.addresses;
    const samePrefixes = before.prefixes === owner.prefixes;
    const addresses = samePrefixes ? oldAddresses : addressContribution(owner);
    const sameAddresses = samePrefixes || equalKeys(oldAddresses, addresses);
    const samePorts = before.ports === owner.ports || JSON.stringify(before.ports) === JSON.stringify(owner.ports);
    for (const set of entry.sets) {
      if (set.kind === 'addresses') {
        if (!sameAddresses) this.replace(set, set.content, oldAddresses, addresses);
      } else if (!sameAddresses || !samePorts) {
        const old = portContribution(before, oldAddresses, set.port);
        this.replace(set, set.content, old, portContribution(owner, addresses, set.port));
      }
    }
    entry.owner = owner;
    entry.addresses = addresses;
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
    const candidates = set.postings ? this.findAll(set.postings) : this.owners.values();
    for (const entry of candidates) {
      if (!entry.sets.has(set) && isSelected(set, entry.labels)) this.join(set, entry);
    }
    this.touched.add(set);
  }

  /** Owners to try for the selector; among equals, selectors to try for an owner, so that the lists stay even. */
  private cost(posting: Posting): number {
    return this.ownerPostings.count(posting) + this.demands.count(posting) * 1e-6;
  }

  private *findAll(postings: readonly Posting[]): Iterable<OwnerEntry> {
    for (const posting of postings) yield* this.ownerPostings.find(posting);
  }

  private join(set: SetEntry, entry: OwnerEntry): void {
    entry.sets.add(set);
    set.owners.add(entry);
    this.touched.add(set);
    if (set.kind === 'addresses') for (const [key, member] of entry.addresses) addMember(set.content, key, member);
    else {
      const ports = portContribution(entry.owner, entry.addresses, set.port);
      for (const [key, member] of ports) addMember(set.content, key, member);
    }
  }

  private leave(set: SetEntry, entry: OwnerEntry): void {
    set.owners.delete(entry);
    this.touched.add(set);
    if (set.kind === 'addresses') for (const [key] of entry.addresses) removeMember(set.content, key);
    else for (const [key] of portContribution(entry.owner, entry.addresses, set.port)) removeMember(set.content, key);
  }

  private replace<T>(set: SetEntry, content: CountedMembers<T>, before: Contribution<T>, after: Contribution<T>): void {
    this.touched.add(set);
    for (const [key, member] of after) addMember(content, key, member);
    for (const [key] of before) removeMember(content, key);
  }
}

function filing(id: SetId, selector: Selector): SelectorFiling {
  return {
    id,
    selector,
    keys: mentionedKeys(selector),
    postings: undefined,
    owners: new Set(),
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
function addressContribution(owner: Owner): Contribution<Prefix> {
  const byKey = new Map<string, Prefix>();
  for (const prefix of owner.prefixes) byKey.set(printPrefix(prefix), prefix);
  return [...byKey];
}

function portContribution(
  owner: Owner,
  addresses: Contribution<Prefix>,
  query: PortQuery,
): Contribution<PortSetMember> {
  const byKey = new Map<string, PortSetMember>();
  for (const { name, protocol, port } of owner.ports) {
    if (name !== query.name || (query.protocol !== undefined && query.protocol !== protocol)) continue;
    for (const [key, prefix] of addresses) byKey.set(`${key},${protocol}:${port}`, { prefix, protocol, port });
  }
  return [...byKey];
}

function equalKeys(a: Contribution<unknown>, b: Contribution<unknown>): boolean {
  return a.length === b.length && a.every(([key], i) => key === b[i]?.[0]);
}
