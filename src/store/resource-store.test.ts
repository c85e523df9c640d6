import { describe, expect, it } from 'vitest';
import { kindEntry } from '../resources/kinds.ts';
import type { AnyResource, Kind, Metadata, SpecByKind } from '../resources/resource.ts';
import { resourceKey } from './keys.ts';
import { createMemoryStore } from './memory-store.ts';
import { createResourceStore, type ResourceStore } from './resource-store.ts';
import type { Store } from './store.ts';

function make<K extends Kind>(
  kind: K,
  name: string,
  spec: SpecByKind[K],
  metadata: Partial<Metadata> = {},
): AnyResource {
  const entry = kindEntry(kind);
  const namespace = entry?.namespaced ? { namespace: 'default' } : {};
  return { apiVersion: entry?.apiVersion, kind, metadata: { name, ...namespace, ...metadata }, spec } as AnyResource;
}

const tier = (name: string, order = 100) => make('Tier', name, { order, defaultAction: 'Deny' });
const policy = (name: string, inTier: string) =>
  make('GlobalNetworkPolicy', name, { tier: inTier, selector: 'all()', types: ['Ingress'] });

interface Bench {
  readonly store: Store;
  readonly resources: ResourceStore;
}

function setUp(store = createMemoryStore()): Bench {
  let count = 0;
  const newUid = () => {
    count += 1;
    return `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`;
  };
  return { store, resources: createResourceStore(store, { now: () => '2026-01-01T00:00:00Z', newUid }) };
}

it('gives everything at one revision, or all but some kinds', async () => {
  const { resources } = setUp();
  await resources.applyAll([tier('hub'), policy('web', 'hub')]);
  const whole = await resources.snapshot();
  expect(whole.ok && whole.value.snapshot.list('GlobalNetworkPolicy')).toHaveLength(1);
  const part = await resources.snapshot({ without: ['GlobalNetworkPolicy'] });
  expect(part.ok && part.value.snapshot.list('GlobalNetworkPolicy')).toEqual([]);
  expect(part.ok && part.value.snapshot.find('Tier', 'hub')).toBeDefined();
});

describe('writing one resource', () => {
  it('stamps what is new, and keeps the stamps when it changes', async () => {
    const { resources } = setUp();
    const created = await resources.apply(tier('hub'));
    expect(created).toMatchObject({ value: { outcome: 'created' } });
    const first = created.ok ? created.value.resource.metadata : undefined;
    expect(first).toMatchObject({ creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '2' });
    const updated = await resources.apply(make('Tier', 'hub', { order: 7 }, { labels: { a: 'b' }, uid: 'mine' }));
    expect(updated).toMatchObject({ value: { outcome: 'updated', resource: { spec: { order: 7 } } } });
    expect(updated.ok && updated.value.resource.metadata).toEqual({
      ...first,
      labels: { a: 'b' },
      resourceVersion: '3',
    });
  });

  it('writes nothing when nothing would change', async () => {
    const { store, resources } = setUp();
    await resources.apply(tier('hub'));
    const before = await store.list('');
    expect(await resources.apply(tier('hub'))).toMatchObject({ value: { outcome: 'unchanged' } });
    expect(await store.list('')).toEqual(before);
  });

  it('stores no resourceVersion, and gives the revision of the key as one', async () => {
    const { store, resources } = setUp();
    await resources.apply(tier('hub'));
    const entry = await store.get(resourceKey('Tier', 'hub'));
    expect(entry.ok && entry.value?.value).not.toContain('resourceVersion');
    const read = await resources.get({ kind: 'Tier', name: 'hub' });
    expect(read.ok && read.value.metadata.resourceVersion).toBe(String(entry.ok && entry.value?.revision));
  });

  it('creates only what is new, replaces only what is there', async () => {
    const { resources } = setUp();
    const subject = { kind: 'Tier', name: 'hub' };
    expect(await resources.replace(tier('hub'))).toEqual({ ok: false, error: { kind: 'not-found', subject } });
    expect((await resources.create(tier('hub'))).ok).toBe(true);
    expect(await resources.create(tier('hub'))).toEqual({ ok: false, error: { kind: 'exists', subject } });
    expect((await resources.replace(tier('hub', 5))).ok).toBe(true);
  });

  it('refuses a resourceVersion that is stale, or that stands on something to create', async () => {
    const { resources } = setUp();
    await resources.apply(tier('hub'));
    await resources.apply(tier('hub', 5));
    const stale = await resources.apply(make('Tier', 'hub', { order: 9 }, { resourceVersion: '2' }));
    expect(stale).toMatchObject({ error: { kind: 'conflict' } });
    const current = await resources.apply(make('Tier', 'hub', { order: 9 }, { resourceVersion: '3' }));
    expect(current.ok).toBe(true);
    const created = await resources.create(make('Tier', 'other', {}, { resourceVersion: '3' }));
    expect(created).toMatchObject({ error: { kind: 'refused', field: 'metadata.resourceVersion' } });
  });

  it.each<[string, AnyResource, string]>([
    ['the built-in profile', make('Profile', 'projectcalico-default-allow', {}), ''],
    ['a policy Kubernetes owns', make('NetworkPolicy', 'knp.default.x', { tier: 'default' }), 'metadata.name'],
    ['a policy in a tier that is not there', policy('web', 'nope'), 'spec.tier'],
    ['another cidr for a pool', make('IPPool', 'pool', { cidr: '10.9.0.0/16', blockSize: 26 }), 'spec.cidr'],
    ['another block size for a pool', make('IPPool', 'pool', { cidr: '10.8.0.0/16', blockSize: 27 }), 'spec.blockSize'],
  ])('refuses %s', async (_, resource, field) => {
    const { resources } = setUp();
    await resources.apply(make('IPPool', 'pool', { cidr: '10.8.0.0/16', blockSize: 26 }));
    expect(await resources.apply(resource)).toMatchObject({ error: { kind: 'refused', field } });
  });

  it('wins a race by planning anew, up to five times', async () => {
    const inner = createMemoryStore();
    const other = setUp(inner).resources;
    let rivals = 4;
    const contended: Store = {
      ...inner,
      commit: async (writes) => {
        if (writes.some(({ key }) => key.endsWith('/hub')) && rivals > 0) {
          rivals -= 1;
          await other.apply(tier('hub', rivals));
        }
        return inner.commit(writes);
      },
    };
    const { resources } = setUp(contended);
    expect(await resources.apply(tier('hub', 50))).toMatchObject({ value: { resource: { spec: { order: 50 } } } });
    rivals = 5;
    expect(await resources.apply(tier('hub', 60))).toMatchObject({ error: { kind: 'conflict' } });
  });
});

describe('writing many resources', () => {
  it('is one transaction in any order: a policy may stand before its tier', async () => {
    const { store, resources } = setUp();
    await resources.applyAll([]);
    const before = await store.list('');
    const written = await resources.applyAll([policy('web', 'hub'), tier('hub'), make('Router', 'r', { asNumber: 1 })]);
    expect(written.ok && written.value.map(({ outcome }) => outcome)).toEqual(['created', 'created', 'created']);
    const after = await store.list('');
    expect(after.ok && before.ok && after.value.revision - before.value.revision).toBe(1);
  });

  it('writes nothing when one is refused, and tells of every error', async () => {
    const { resources } = setUp();
    const written = await resources.applyAll([tier('hub'), policy('a', 'nope'), policy('b', 'nope')]);
    expect(!written.ok && written.error).toMatchObject([{ subject: { name: 'a' } }, { subject: { name: 'b' } }]);
    expect(await resources.get({ kind: 'Tier', name: 'hub' })).toMatchObject({ error: { kind: 'not-found' } });
  });

  it('writes what it can when it need not be atomic', async () => {
    const { resources } = setUp();
    const written = await resources.applyAll([policy('a', 'nope'), tier('hub')], { atomic: false });
    expect(written.ok).toBe(false);
    expect((await resources.get({ kind: 'Tier', name: 'hub' })).ok).toBe(true);
  });

  it('has the built-in tiers from the first write on', async () => {
    const { resources } = setUp();
    await resources.apply(policy('web', 'default'));
    const tiers = await resources.list('Tier');
    const shown = tiers.ok ? tiers.value.resources.map(({ metadata, spec }) => [metadata.name, spec]) : [];
    expect(shown).toEqual([
      ['default', { order: 1_000_000, defaultAction: 'Deny' }],
      ['kube-admin', { order: 1_000, defaultAction: 'Pass' }],
      ['kube-baseline', { order: 10_000_000, defaultAction: 'Pass' }],
    ]);
  });
});

describe('deleting', () => {
  it.each<[Kind, string, string]>([
    ['Tier', 'default', 'refused'],
    ['Tier', 'hub', 'refused'],
    ['Tier', 'empty', 'deleted'],
    ['Tier', 'nope', 'not-found'],
    ['Profile', 'projectcalico-default-allow', 'refused'],
  ])('%s %s: %s', async (kind, name, outcome) => {
    const { resources } = setUp();
    await resources.applyAll([tier('hub'), tier('empty'), policy('web', 'hub')]);
    const deleted = await resources.delete({ kind, name });
    expect(deleted.ok ? 'deleted' : deleted.error.kind).toBe(outcome);
  });

  it('takes a tier along with its policies, in any order', async () => {
    const { resources } = setUp();
    await resources.applyAll([tier('hub'), policy('web', 'hub')]);
    const names = [
      { kind: 'Tier', name: 'hub' },
      { kind: 'GlobalNetworkPolicy', name: 'web' },
    ] as const;
    const deleted = await resources.deleteAll(names);
    expect(deleted.ok && deleted.value.map(({ error }) => error)).toEqual([undefined, undefined]);
  });

  it('does not overtake a policy that enters the tier meanwhile', async () => {
    const inner = createMemoryStore();
    const other = setUp(inner).resources;
    await other.apply(tier('hub'));
    let isRacing = true;
    const racing: Store = {
      ...inner,
      commit: async (writes) => {
        if (isRacing) {
          isRacing = false;
          await other.apply(policy('late', 'hub'));
        }
        return inner.commit(writes);
      },
    };
    const deleted = await setUp(racing).resources.delete({ kind: 'Tier', name: 'hub' });
    expect(deleted).toMatchObject({ error: { kind: 'refused' } });
  });

  it('takes with a Node what is its own, and nothing of others', async () => {
    const { resources } = setUp();
    await resources.applyAll([
      make('Node', 'n1', {}),
      make('HostEndpoint', 'h1', { node: 'n1', interfaceName: 'eth0' }),
      make('HostEndpoint', 'h2', { node: 'n2', interfaceName: 'eth0' }),
      make('BGPPeer', 'p1', { node: 'n1', peerIP: '10.0.0.9', asNumber: 65000 }),
      make('BGPPeer', 'all', { peerIP: '10.0.0.8', asNumber: 65000 }),
      make('FelixConfiguration', 'node.n1', {}),
      make('BGPConfiguration', 'default', {}),
    ]);
    const deleted = await resources.deleteAll([{ kind: 'Node', name: 'n1' }]);
    const cascaded = deleted.ok ? deleted.value[0]?.cascaded.map(({ name }) => name) : [];
    expect(cascaded).toEqual(['h1', 'p1', 'node.n1']);
    const left = await resources.snapshot();
    expect(left.ok && left.value.snapshot.list('HostEndpoint').map(({ metadata }) => metadata.name)).toEqual(['h2']);
    expect(left.ok && left.value.snapshot.list('BGPPeer').map(({ metadata }) => metadata.name)).toEqual(['all']);
  });
});

describe('updateStatus', () => {
  it('writes the status and nothing else, and an apply after it keeps it', async () => {
    const { resources } = setUp();
    await resources.apply(make('Router', 'tr1', { asNumber: 64520 }));
    const name = { kind: 'Router', name: 'tr1' } as const;
    const updated = await resources.updateStatus(name, { revision: 7 });
    expect(updated).toMatchObject({ value: { spec: { asNumber: 64520 }, status: { revision: 7 } } });
    await resources.apply(make('Router', 'tr1', { asNumber: 64521 }));
    expect(await resources.get(name)).toMatchObject({ value: { spec: { asNumber: 64521 }, status: { revision: 7 } } });
    expect(await resources.updateStatus({ kind: 'Router', name: 'no' }, {})).toMatchObject({
      error: { kind: 'not-found' },
    });
  });

  it('makes nothing out of date that a user had read, and hides no change of a spec', async () => {
    const { resources } = setUp();
    const name = { kind: 'Router', name: 'tr1' } as const;
    const created = await resources.apply(make('Router', 'tr1', { asNumber: 64520 }));
    const resourceVersion = (created.ok && created.value.resource.metadata.resourceVersion) || '';
    for (const seen of [1, 2]) await resources.updateStatus(name, { seen });
    const edited = await resources.apply(make('Router', 'tr1', { asNumber: 64521 }, { resourceVersion }));
    expect(edited).toMatchObject({ value: { outcome: 'updated', resource: { spec: { asNumber: 64521 } } } });
    await resources.updateStatus(name, { seen: 3 });
    const late = await resources.apply(make('Router', 'tr1', { asNumber: 64522 }, { resourceVersion }));
    expect(late).toMatchObject({ error: { kind: 'conflict' } });
    expect(await resources.get(name)).toMatchObject({ value: { spec: { asNumber: 64521 }, status: { seen: 3 } } });
  });
});

describe('stored objects of others', () => {
  it('finds a policy that an older Calico stored as default.NAME, and writes it where it lies', async () => {
    const { store, resources } = setUp();
    const old = { ...policy('default.web', 'default') };
    const key = resourceKey('GlobalNetworkPolicy', 'default.web');
    await store.commit([{ kind: 'put', key, value: JSON.stringify(old), expect: 'absent' }]);
    const name = { kind: 'GlobalNetworkPolicy', name: 'web' } as const;
    expect(await resources.get(name)).toMatchObject({ value: { metadata: { name: 'web' } } });
    expect(await resources.apply(policy('web', 'default'))).toMatchObject({ ok: true });
    const listed = await resources.list('GlobalNetworkPolicy');
    expect(listed.ok && listed.value.resources.map(({ metadata }) => metadata.name)).toEqual(['web']);
  });

  it('keeps the name of a policy that is called default.NAME by its user', async () => {
    const { resources } = setUp();
    await resources.apply(policy('default.web', 'default'));
    const name = { kind: 'GlobalNetworkPolicy', name: 'default.web' } as const;
    expect(await resources.get(name)).toMatchObject({ value: { metadata: { name: 'default.web' } } });
    expect(await resources.apply(policy('default.web', 'default'))).toMatchObject({ value: { outcome: 'unchanged' } });
  });

  it('reports what is not valid, lets it be overwritten and deleted', async () => {
    const { store, resources } = setUp();
    const key = resourceKey('Tier', 'broken');
    await store.commit([{ kind: 'put', key, value: '{"kind":"Tier"}', expect: 'absent' }]);
    const name = { kind: 'Tier', name: 'broken' } as const;
    expect(await resources.get(name)).toMatchObject({ error: { kind: 'invalid', subject: name } });
    expect(await resources.list('Tier')).toMatchObject({ value: { invalid: [{ subject: name }] } });
    expect(await resources.apply(tier('broken'))).toMatchObject({ value: { outcome: 'updated' } });
    await store.commit([{ kind: 'put', key, value: 'junk', expect: 'any' }]);
    expect((await resources.delete(name)).ok).toBe(true);
  });
});
