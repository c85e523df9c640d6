/**
 * Plans the transaction that deletes resources.
 *
 *   names + what the store holds → StoreWrite[], and what becomes of each name
 *
 * Invariant: names that cannot be deleted do not keep the others from it, as with calicoctl; the order of names does not
 * matter, so a tier may stand before the policies that leave with it.
 */
import type { AnyResource, Kind } from '../resources/resource.ts';
import { err, ok, type Result } from '../result.ts';
import {
  kindPrefix,
  parseResourceKey,
  printResourceName,
  type ResourceName,
  resourceKey,
  tierGuardKey,
} from './keys.ts';
import { findEntry } from './plan-write.ts';
import type { ResourceError } from './resource-error.ts';
import type { Store, StoreEntry, StoreWrite } from './store.ts';
import { policyKinds, readStored } from './stored-object.ts';
import { refuseDelete } from './write-rules.ts';

export interface DeleteRequest extends ResourceName {
  /** Delete only this version. */
  readonly resourceVersion?: string;
}

export interface DeleteOutcome {
  readonly subject: ResourceName;
  /** What was deleted; undefined when it was not a valid resource. */
  readonly resource?: AnyResource;
  /** Why it was not deleted; absent when it was. */
  readonly error?: ResourceError;
  /** What left with it (semantics §1.11). */
  readonly cascaded: readonly ResourceName[];
}

interface DeletePlan {
  readonly writes: readonly StoreWrite[];
  readonly done: (revision: number) => readonly DeleteOutcome[];
}

export async function planDelete(
  store: Store,
  requests: readonly DeleteRequest[],
): Promise<Result<DeletePlan, ResourceError>> {
  const doomed = new Map<string, StoreEntry>();
  const outcomes: DeleteOutcome[] = [];
  for (const request of requests) {
    const subject = withoutVersion(request);
    const found = await findEntry(store, subject);
    if (!found.ok) return found;
    const error = whyNot(request, subject, found.value);
    if (error !== undefined || found.value === undefined) {
      outcomes.push({ subject, cascaded: [], ...(error === undefined ? {} : { error }) });
      continue;
    }
    doomed.set(found.value.key, found.value);
    const belongings = request.kind === 'Node' ? await belongingsOf(store, request.name) : ok([]);
    if (!belongings.ok) return belongings;
    for (const entry of belongings.value) doomed.set(entry.key, entry);
    const read = readStored(found.value);
    const cascaded = belongings.value.map(({ key }) => parseResourceKey(key)).filter((name) => name !== undefined);
    outcomes.push({ subject, cascaded, ...(read.ok ? { resource: read.value } : {}) });
  }
  const guards = await keepUsedTiers(store, doomed, outcomes);
  if (!guards.ok) return guards;
  const writes = [...doomed.values()].map(({ key, revision }): StoreWrite => {
    return { kind: 'delete', key, expect: { revision } };
  });
  return ok({ writes: [...writes, ...guards.value], done: () => outcomes });
}

function withoutVersion({ kind, name, namespace }: DeleteRequest): ResourceName {
  return { kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

function whyNot(
  { resourceVersion }: DeleteRequest,
  subject: ResourceName,
  entry: StoreEntry | undefined,
): ResourceError | undefined {
  const refusal = refuseDelete(subject);
  if (refusal) return { kind: 'refused', subject, ...refusal };
  if (entry === undefined) return { kind: 'not-found', subject };
  if (resourceVersion !== undefined && resourceVersion !== String(entry.revision)) {
    const reason = `it is at resourceVersion ${entry.revision}, not ${resourceVersion}: read it again`;
    return { kind: 'conflict', subject, reason };
  }
  return undefined;
}

/** Takes tiers that still hold policies out of the deletion; gives the checks that keep the others empty until the commit. */
async function keepUsedTiers(
  store: Store,
  doomed: Map<string, StoreEntry>,
  outcomes: DeleteOutcome[],
): Promise<Result<StoreWrite[], ResourceError>> {
  const guards: StoreWrite[] = [];
  for (const [index, { subject, error }] of outcomes.entries()) {
    if (subject.kind !== 'Tier' || error !== undefined) continue;
    const key = tierGuardKey(subject.name);
    // Before the policies are listed: one that enters the tier after the listing has touched the guard since.
    const guard = await store.get(key);
    if (!guard.ok) return err({ kind: 'store', error: guard.error });
    const held = await policiesIn(store, subject.name, doomed);
    if (!held.ok) return held;
    if (held.value.length > 0) {
      doomed.delete(resourceKey('Tier', subject.name));
      const shown = held.value.slice(0, 3).map(printResourceName).join(', ');
      const reason = `the tier still holds ${held.value.length} policies (${shown}${held.value.length > 3 ? ', …' : ''})`;
      outcomes[index] = { subject, cascaded: [], error: { kind: 'refused', subject, field: '', reason } };
      continue;
    }
    guards.push({ kind: 'delete', key, expect: guard.value ? { revision: guard.value.revision } : 'absent' });
  }
  return ok(guards);
}

async function policiesIn(
  store: Store,
  tier: string,
  doomed: ReadonlyMap<string, StoreEntry>,
): Promise<Result<ResourceName[], ResourceError>> {
  const held = await select(store, policyKinds, (_, spec) => (spec['tier'] || 'default') === tier);
  if (!held.ok) return held;
  return ok(held.value.filter(({ entry }) => !doomed.has(entry.key)).map(({ name }) => name));
}

/** What belongs to a node and leaves with it (semantics §1.11). */
async function belongingsOf(store: Store, node: string): Promise<Result<StoreEntry[], ResourceError>> {
  const kinds: Kind[] = ['WorkloadEndpoint', 'HostEndpoint', 'BGPPeer', 'FelixConfiguration', 'BGPConfiguration'];
  const own = await select(store, kinds, ({ kind, name }, spec) => {
    const isConfiguration = kind === 'FelixConfiguration' || kind === 'BGPConfiguration';
    return isConfiguration ? name === `node.${node}` : spec['node'] === node;
  });
  return own.ok ? ok(own.value.map(({ entry }) => entry)) : own;
}

interface Selected {
  readonly name: ResourceName;
  readonly entry: StoreEntry;
}

/** The resources of some kinds that pass; read as plain JSON, since even an invalid object holds its tier or node. */
async function select(
  store: Store,
  kinds: readonly Kind[],
  passes: (name: ResourceName, spec: Readonly<Record<string, unknown>>) => boolean,
): Promise<Result<Selected[], ResourceError>> {
  const selected: Selected[] = [];
  for (const kind of kinds) {
    const listing = await store.list(kindPrefix(kind));
    if (!listing.ok) return err({ kind: 'store', error: listing.error });
    for (const entry of listing.value.entries) {
      const name = parseResourceKey(entry.key);
      if (name !== undefined && passes(name, specOf(entry.value))) selected.push({ name, entry });
    }
  }
  return ok(selected);
}

function specOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const spec = (JSON.parse(text) as { spec?: unknown } | null)?.spec;
    return typeof spec === 'object' && spec !== null ? (spec as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
