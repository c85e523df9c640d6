/**
 * The nft sets that rules ask, kept current as members move.
 *
 *   AddressSet, PortSet × names that rules ask × what moved ─[MemberSets.update]→ NftSet by name
 *
 * Invariant: there is a set exactly for each name that is asked; its elements are what compiling the members anew would give.
 * A class, because it knows what it has compiled.
 */
import type { AddressSet, PolicyIntent, PortSet, SetId } from '../intent/policy/policy-intent.ts';
import { families } from '../net/address.ts';
import { isHost, type Prefix, printPrefix } from '../net/prefix.ts';
import type { NftSet } from './ruleset.ts';
import { addressSetName, compileAddressSet, compilePortSet, portSetName } from './selector-sets.ts';
import { VersionedMap } from './versioned-map.ts';

interface Asked {
  has(name: string): boolean;
}

/** Members of address sets that came or went, and port sets to be read again. */
export interface MovedMembers {
  readonly addresses: ReadonlyMap<SetId, readonly Prefix[]>;
  readonly ports: ReadonlySet<SetId>;
}

export class MemberSets {
  #sets: VersionedMap<string, NftSet> = VersionedMap.of(new Map());
  #members = new Map<SetId, AddressSet['members'] | PortSet['members']>();

  /** `isAskedAnew` where other sets may be asked, or others be there, than before. */
  update(policy: PolicyIntent, asked: Asked, moved: MovedMembers, isAskedAnew: boolean): VersionedMap<string, NftSet> {
    const changes = new Map<string, NftSet | undefined>();
    if (isAskedAnew) this.#ask(policy, asked, changes);
    // What was decided on just now was read whole, or is no more.
    const decided = new Set(changes.keys());
    const change = (set: NftSet): void => {
      if (this.#sets.has(set.name) && !decided.has(set.name)) changes.set(set.name, set);
    };
    for (const [id, members] of moved.addresses) {
      const set = policy.addressSets.get(id);
      if (set) for (const each of this.#move(set, members)) change(each);
    }
    for (const id of moved.ports) {
      const set = policy.portSets.get(id);
      if (set) for (const each of compilePortSet(set)) change(each);
    }
    this.#sets = this.#sets.with(changes);
    return this.#sets;
  }

  #ask(policy: PolicyIntent, asked: Asked, changes: Map<string, NftSet | undefined>): void {
    const before = this.#members;
    this.#members = new Map();
    for (const name of this.#sets.keys()) changes.set(name, undefined);
    const keep = (
      id: SetId,
      names: readonly string[],
      members: AddressSet['members'] | PortSet['members'],
    ): boolean => {
      this.#members.set(id, members);
      const isKnown = before.get(id) === members && names.every((name) => this.#sets.has(name));
      if (isKnown) for (const name of names) changes.delete(name);
      return isKnown;
    };
    for (const set of policy.addressSets.values()) {
      const names = addressSetNames(set.id);
      if (!names.some((name) => asked.has(name))) continue;
      const wanted = families.flatMap((family) => {
        const own = addressSetNames(set.id, [family]);
        return own.some((name) => asked.has(name)) ? own : [];
      });
      if (keep(set.id, wanted, set.members)) continue;
      for (const each of compileAddressSet(set, asked)) changes.set(each.name, versioned(each));
    }
    for (const set of policy.portSets.values()) {
      const names = families.map((family) => portSetName(set.id, family)).filter((name) => asked.has(name));
      if (names.length === 0 || keep(set.id, names, set.members)) continue;
      for (const each of compilePortSet(set)) if (asked.has(each.name)) changes.set(each.name, each);
    }
  }

  #move(set: AddressSet, members: readonly Prefix[]): readonly NftSet[] {
    const names = { has: (name: string): boolean => this.#sets.has(name) };
    // Which prefixes are inside others can only be told from all of them.
    if (!members.every(isHost)) return compileAddressSet(set, names).map(versioned);
    return families.flatMap((family) => {
      const before = this.#sets.get(addressSetName(set.id, family, 'hosts'));
      if (before?.kind !== 'addresses') return [];
      const changes = new Map<string, Prefix | undefined>();
      for (const member of members) {
        const text = printPrefix(member);
        if (member.family === family) changes.set(text, set.members.get(text));
      }
      const elements = before.elements instanceof VersionedMap ? before.elements.with(changes) : before.elements;
      return elements === before.elements ? [] : [{ ...before, elements }];
    });
  }
}

function addressSetNames(id: SetId, of: typeof families = families): readonly string[] {
  return of.flatMap((family) => [addressSetName(id, family, 'hosts'), addressSetName(id, family, 'prefixes')]);
}

function versioned(set: NftSet): NftSet {
  if (set.kind !== 'addresses' || set.holds !== 'hosts') return set;
  return { ...set, elements: VersionedMap.of(new Map(set.elements)) };
}
