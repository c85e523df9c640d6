/**
 * The members of one set, counted: an address stays while one owner still brings it.
 *
 * Invariant: `members` holds each key once; what changed since the last `takeChanges` is the difference of the two states,
 * so a member that came and went in between is no change at all.
 */
export interface CountedMembers<T> {
  readonly members: Map<string, T>;
  /** Those members that `isWide` is true of: few, where there are thousands of single addresses. */
  readonly wide: Map<string, T>;
  readonly isWide: (member: T) => boolean;
  /** Owners beyond the first, for the few keys that have several. */
  readonly extra: Map<string, number>;
  /** Undefined until the set was first read as a whole: then a change list is of no use. */
  changes: Map<string, Change<T>> | undefined;
}

interface Change<T> {
  readonly member: T;
  readonly isAdded: boolean;
}

export function makeCountedMembers<T>(isWide: (member: T) => boolean): CountedMembers<T> {
  return { members: new Map(), wide: new Map(), isWide, extra: new Map(), changes: undefined };
}

export function addMember<T>(set: CountedMembers<T>, key: string, member: T): void {
  if (set.members.has(key)) {
    set.extra.set(key, (set.extra.get(key) ?? 0) + 1);
    return;
  }
  set.members.set(key, member);
  if (set.isWide(member)) set.wide.set(key, member);
  noteChange(set, key, member, true);
}

export function removeMember<T>(set: CountedMembers<T>, key: string): void {
  const extra = set.extra.get(key);
  if (extra !== undefined) {
    if (extra === 1) set.extra.delete(key);
    else set.extra.set(key, extra - 1);
    return;
  }
  const member = set.members.get(key);
  if (member === undefined) return;
  set.members.delete(key);
  set.wide.delete(key);
  noteChange(set, key, member, false);
}

/** What was added and removed since the last call, each sorted by key; undefined when nothing was. */
export function takeChanges<T>(set: CountedMembers<T>): { added: T[]; removed: T[] } | undefined {
  const { changes } = set;
  set.changes = new Map();
  if (!changes || changes.size === 0) return undefined;
  const sorted = [...changes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, change]) => change);
  return {
    added: sorted.filter(({ isAdded }) => isAdded).map(({ member }) => member),
    removed: sorted.filter(({ isAdded }) => !isAdded).map(({ member }) => member),
  };
}

function noteChange<T>(set: CountedMembers<T>, key: string, member: T, isAdded: boolean): void {
  const { changes } = set;
  if (!changes) return;
  // The opposite change is pending: together they are none.
  if (!changes.delete(key)) changes.set(key, { member, isAdded });
}
