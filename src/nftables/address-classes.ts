/**
 * Which selectors each address of one family meets: its class, kept current as members move.
 *
 *   AddressSet[] + what moved ─[AddressClasses.update]→ class by host, class by segment; classes that came and went
 *
 * Invariants: what it holds is what reading the sets anew would give, whatever the order of updates; a host's class counts the
 * prefixes around it, so that one lookup says all; every class is the class of some address. A class, because it lives across
 * rulesets.
 */
import type { AddressSet, SetId } from '../intent/policy/policy-intent.ts';
import { bitLength, type Family, parseAddress, printAddress } from '../net/address.ts';
import { isHost, type Prefix, printPrefix } from '../net/prefix.ts';
import { numberClasses, type SpreadKey, spreadKey } from './class-numbers.ts';
import type { Key } from './ruleset.ts';
import { findSegment, readSegments, type Segment, unionIds } from './segments.ts';
import { VersionedMap } from './versioned-map.ts';

export interface AddressClass {
  readonly number: number;
  /** The selectors, sorted. */
  readonly ids: readonly SetId[];
  /** As a verdict map by class has it. */
  readonly key: Key;
}

export interface ClassChanges {
  readonly came: readonly AddressClass[];
  readonly went: readonly AddressClass[];
}

/** A class while addresses are counted. */
interface Entry {
  readonly text: string;
  readonly ids: readonly SetId[];
  /** Hosts and segments that are of it. */
  uses: number;
  /** Undefined before it is numbered. */
  known: AddressClass | undefined;
}

/** A host whose class is to be read again; `ids` are selectors it may have come to. */
interface TouchedHost {
  readonly bits: bigint;
  readonly ids: SetId[];
}

export class AddressClasses {
  readonly family: Family;
  /** By printed address. */
  hosts: VersionedMap<string, number> = VersionedMap.of(new Map());
  /** By `first-last`, or an address. */
  prefixes: VersionedMap<string, number> = VersionedMap.of(new Map());
  readonly #spread: SpreadKey;
  #sets: readonly AddressSet[] = [];
  #members: ReadonlyMap<SetId, AddressSet['members']> = new Map();
  #segments: readonly Segment[] = [];
  readonly #entries = new Map<string, Entry>();
  readonly #byNumber = new Map<number, Entry>();
  #contended: ReadonlySet<number> = new Set();

  constructor(family: Family, spread: SpreadKey = spreadKey) {
    this.family = family;
    this.#spread = spread;
  }

  *all(): Iterable<AddressClass> {
    for (const { known } of this.#entries.values()) if (known) yield known;
  }

  /**
   * `sets` are all that rules dispatch on, with the members as they are now. Sets whose members are the very map of before
   * have changed as `moved` says; others are read whole.
   */
  update(sets: readonly AddressSet[], moved: ReadonlyMap<SetId, readonly Prefix[]>): ClassChanges {
    const before = this.#sets;
    if (sets === before) return this.#read([], new Set(), moved);
    this.#sets = sets;
    const membersBefore = this.#members;
    const members = new Map(sets.map((set) => [set.id, set.members]));
    this.#members = members;
    const arrived = sets.filter((set) => membersBefore.get(set.id) !== set.members);
    const left = new Set(before.map(({ id }) => id).filter((id) => membersBefore.get(id) !== members.get(id)));
    return this.#read(arrived, left, moved);
  }

  /** `left` are sets that are no more, or have arrived anew. */
  #read(
    arrived: readonly AddressSet[],
    left: ReadonlySet<SetId>,
    moved: ReadonlyMap<SetId, readonly Prefix[]>,
  ): ClassChanges {
    const touched = new Map<string, TouchedHost>();
    let isSegmented = this.#segments.some(({ ids }) => ids.some((id) => left.has(id)));
    const touch = (id: SetId, member: Prefix, printed: string): void => {
      if (member.family !== this.family) return;
      if (!isHost(member)) {
        isSegmented = true;
        return;
      }
      const text = addressText(printed);
      const known = touched.get(text);
      if (known) known.ids.push(id);
      else touched.set(text, { bits: member.bits, ids: [id] });
    };
    for (const { id, members } of arrived) for (const [printed, member] of members) touch(id, member, printed);
    for (const [id, members] of moved) {
      if (this.#members.has(id)) for (const member of members) touch(id, member, printPrefix(member));
    }
    if (left.size > 0) this.#touchHosts(touched, (ids) => ids.some((id) => left.has(id)));
    const segments = isSegmented ? this.#moveSegments(touched) : undefined;
    const targets = new Map<string, Entry | undefined>();
    for (const [text, host] of touched) targets.set(text, this.#readHost(text, host));
    return this.#settle(targets, segments);
  }

  /** Adds the hosts whose class is such, by looking at all. */
  #touchHosts(touched: Map<string, TouchedHost>, test: (ids: readonly SetId[], bits: bigint) => boolean): void {
    for (const [text, number] of this.hosts) {
      if (touched.has(text)) continue;
      const bits = parseAddress(text)?.bits ?? 0n;
      if (test(this.#byNumber.get(number)?.ids ?? [], bits)) touched.set(text, { bits, ids: [] });
    }
  }

  /** The segments as they are now; hosts around which they changed are touched. */
  #moveSegments(touched: Map<string, TouchedHost>): readonly Segment[] {
    const before = this.#segments;
    const after = readSegments(this.family, this.#sets);
    this.#segments = after;
    if (this.hosts.size > 0) {
      this.#touchHosts(touched, (_, bits) => {
        const [was, is] = [findSegment(before, bits)?.ids ?? [], findSegment(after, bits)?.ids ?? []];
        return was.length !== is.length || was.some((id, i) => id !== is[i]);
      });
    }
    return after;
  }

  /** The class it is in now; undefined where it is in no set by itself. */
  #readHost(text: string, { bits, ids }: TouchedHost): Entry | undefined {
    const number = this.hosts.get(text);
    const before = number === undefined ? [] : (this.#byNumber.get(number)?.ids ?? []);
    const member = `${text}/${bitLength(this.family)}`;
    const own = unionIds(before, ids).filter((id) => this.#members.get(id)?.has(member));
    if (own.length === 0) return undefined;
    return this.#entryOf(unionIds(own, findSegment(this.#segments, bits)?.ids ?? []));
  }

  #entryOf(ids: readonly SetId[]): Entry {
    const text = ids.join(' ');
    const known = this.#entries.get(text);
    if (known) return known;
    const entry: Entry = { text, ids, uses: 0, known: undefined };
    this.#entries.set(text, entry);
    return entry;
  }

  /** Counts who is in which class, numbers new ones and forgets empty ones. */
  #settle(targets: ReadonlyMap<string, Entry | undefined>, segments: readonly Segment[] | undefined): ClassChanges {
    const affected = new Set<Entry>();
    const use = (entry: Entry | undefined, by: 1 | -1): void => {
      if (!entry) return;
      entry.uses += by;
      affected.add(entry);
    };
    for (const [text, entry] of targets) {
      const number = this.hosts.get(text);
      if (number !== undefined) use(this.#byNumber.get(number), -1);
      use(entry, 1);
    }
    const bySegment = new Map<string, Entry>();
    if (segments) {
      for (const number of this.prefixes.values()) use(this.#byNumber.get(number), -1);
      for (const segment of segments) {
        const entry = this.#entryOf(segment.ids);
        bySegment.set(this.#segmentText(segment), entry);
        use(entry, 1);
      }
    }
    const came = [...affected].filter(({ uses, known }) => uses > 0 && known === undefined);
    const went = [...affected].filter(({ uses, known }) => uses === 0 && known !== undefined);
    const wentClasses = went.flatMap(({ known }) => known ?? []);
    for (const entry of affected) if (entry.uses === 0) this.#entries.delete(entry.text);
    const renumbered = this.#number(came, wentClasses);
    this.#writeHosts(targets, renumbered);
    if (segments) this.prefixes = this.prefixes.with(changesTo(this.prefixes, bySegment));
    else if (renumbered.size > 0) this.prefixes = this.prefixes.with(renumber(this.prefixes, renumbered));
    return {
      came: [...came, ...renumbered.values()].flatMap(({ known }) => known ?? []),
      went: [...wentClasses, ...[...renumbered.keys()]],
    };
  }

  /** Numbers what came; others only if numbers are contended. Those are given by the class they were. */
  #number(came: readonly Entry[], went: readonly AddressClass[]): Map<AddressClass, Entry> {
    for (const { number } of went) this.#byNumber.delete(number);
    const isFree = (entry: Entry): boolean => {
      const number = this.#spread(entry.text, 0);
      if (this.#byNumber.has(number)) return false;
      this.#give(entry, number);
      return true;
    };
    const renumbered = new Map<AddressClass, Entry>();
    if (!went.some(({ number }) => this.#contended.has(number)) && came.every(isFree)) return renumbered;
    const { byKey, contended } = numberClasses(this.#entries.keys(), this.#spread);
    this.#contended = contended;
    this.#byNumber.clear();
    const isNew = new Set(came);
    for (const entry of this.#entries.values()) {
      const number = byKey.get(entry.text) ?? 0;
      const before = entry.known;
      if (before?.number === number) {
        this.#byNumber.set(number, entry);
        continue;
      }
      if (before && !isNew.has(entry)) renumbered.set(before, entry);
      this.#give(entry, number);
    }
    return renumbered;
  }

  #give(entry: Entry, number: number): void {
    entry.known = { number, ids: entry.ids, key: [{ kind: 'class', class: number }] };
    this.#byNumber.set(number, entry);
  }

  #writeHosts(targets: ReadonlyMap<string, Entry | undefined>, renumbered: ReadonlyMap<AddressClass, Entry>): void {
    const changes = renumber(this.hosts, renumbered);
    for (const [text, entry] of targets) changes.set(text, entry?.known?.number);
    this.hosts = this.hosts.with(changes);
  }

  #segmentText({ first, last }: Segment): string {
    const start = printAddress({ family: this.family, bits: first });
    return first === last ? start : `${start}-${printAddress({ family: this.family, bits: last })}`;
  }
}

/** The address of a printed host prefix. */
function addressText(printed: string): string {
  return printed.slice(0, printed.lastIndexOf('/'));
}

function renumber(
  map: VersionedMap<string, number>,
  renumbered: ReadonlyMap<AddressClass, Entry>,
): Map<string, number | undefined> {
  const changes = new Map<string, number | undefined>();
  if (renumbered.size === 0) return changes;
  const numbers = new Map([...renumbered].map(([{ number }, entry]) => [number, entry.known?.number]));
  for (const [text, number] of map) if (numbers.has(number)) changes.set(text, numbers.get(number));
  return changes;
}

function changesTo(
  map: VersionedMap<string, number>,
  target: ReadonlyMap<string, Entry>,
): Map<string, number | undefined> {
  const changes = new Map<string, number | undefined>();
  for (const text of map.keys()) if (!target.has(text)) changes.set(text, undefined);
  for (const [text, { known }] of target) changes.set(text, known?.number);
  return changes;
}
