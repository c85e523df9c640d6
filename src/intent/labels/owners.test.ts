import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printPrefix } from '../../net/prefix.ts';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource } from '../../resources/resource.ts';
import { makeSnapshot, type Snapshot } from '../../resources/snapshot.ts';
import type { Owner } from './owner.ts';
import { diffOwners, resolveOwners } from './owners.ts';

function show(owners: readonly Owner[]): Record<string, unknown> {
  return Object.fromEntries(
    owners.map(({ id, labels, prefixes, ports }) => [
      id,
      { labels: Object.fromEntries([...labels].sort()), prefixes: prefixes.map(printPrefix), ports },
    ]),
  );
}

function only(...resources: AnyResource[]): Record<string, unknown> {
  return show(resolveOwners(makeSnapshot(resources)));
}

describe('owners', () => {
  const namespaceProfile = resource('Profile', 'kns.shop', {
    labelsToApply: { 'pcns.env': 'prod', app: 'from-profile' },
  });

  it('a WorkloadEndpoint: its own labels, its profiles’ in order, and implicit ones nobody forges', () => {
    const second = resource('Profile', 'ksa.shop.web', { labelsToApply: { 'pcns.env': 'late', 'pcsa.role': 'web' } });
    const wep = resource(
      'WorkloadEndpoint',
      'w',
      {
        orchestrator: 'k8s',
        serviceAccountName: 'web',
        profiles: ['kns.shop', 'ksa.shop.web', 'gone'],
        ipNetworks: ['10.1.0.1/32', 'fd00::1/128'],
        ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
      },
      { app: 'own', 'pcns.env': 'forged', 'projectcalico.org/namespace': 'forged' },
      'shop',
    );
    expect(only(namespaceProfile, second, wep)).toEqual({
      'WorkloadEndpoint/shop/w': {
        labels: {
          app: 'own',
          'pcns.env': 'prod',
          'pcsa.role': 'web',
          'projectcalico.org/namespace': 'shop',
          'projectcalico.org/orchestrator': 'k8s',
          'projectcalico.org/serviceaccount': 'web',
        },
        prefixes: ['10.1.0.1/32', 'fd00::1/128'],
        ports: [{ name: 'http', protocol: 6, port: 80 }],
      },
    });
  });

  it('network sets: bare addresses and host bits, a namespace only for the namespaced', () => {
    const nets = { nets: ['10.0.0.1', '10.2.3.4/16', 'fd00::/8'] };
    const prefixes = ['10.0.0.1/32', '10.2.0.0/16', 'fd00::/8'];
    expect(
      only(
        namespaceProfile,
        resource('GlobalNetworkSet', 'g', nets, { a: 'b' }),
        resource('NetworkSet', 'n', nets, {}, 'shop'),
      ),
    ).toEqual({
      'GlobalNetworkSet/g': { labels: { a: 'b' }, prefixes, ports: [] },
      'NetworkSet/shop/n': {
        labels: { app: 'from-profile', 'pcns.env': 'prod', 'projectcalico.org/namespace': 'shop' },
        prefixes,
        ports: [],
      },
    });
  });

  it('HostEndpoints of every node by expectedIPs, nothing for those that only name an interface', () => {
    expect(
      only(
        resource(
          'HostEndpoint',
          'far',
          { node: 'elsewhere', interfaceName: 'eth0', expectedIPs: ['192.0.2.1'] },
          { a: 'b' },
        ),
        resource('HostEndpoint', 'bare', { node: 'r1', interfaceName: 'eth0' }),
      ),
    ).toEqual({ 'HostEndpoint/far': { labels: { a: 'b' }, prefixes: ['192.0.2.1/32'], ports: [] } });
  });

  it('Sites by their prefixes and Attachments of any Router by their local addresses', () => {
    const implicit = { 'causeway.dev/site': 'vpc', 'causeway.dev/site-type': 'vpc', 'causeway.dev/segment': 'prod' };
    expect(
      only(
        resource(
          'Site',
          'vpc',
          { type: 'vpc', segment: 'prod', prefixes: ['10.1.0.0/16'] },
          { env: 'x', 'causeway.dev/site': 'forged' },
        ),
        resource('Attachment', 'a', {
          router: 'r9',
          site: 'vpc',
          link: { interface: { name: 'e0' } },
          addresses: { local: ['10.0.0.1/24'] },
        }),
      ),
    ).toEqual({
      'Site/vpc': { labels: { env: 'x', ...implicit }, prefixes: ['10.1.0.0/16'], ports: [] },
      'HostEndpoint/~a': {
        labels: { env: 'x', ...implicit, 'causeway.dev/attachment': 'a' },
        prefixes: ['10.0.0.1/32'],
        ports: [],
      },
    });
  });
});

describe('what changed between two snapshots', () => {
  const kept = Array.from({ length: 300 }, (_, i) =>
    resource('GlobalNetworkSet', `g${String(i).padStart(3, '0')}`, { nets: [`10.0.${i % 256}.1`] }),
  );

  it('is nothing for equal objects, whatever the list', () => {
    expect(diffOwners(makeSnapshot(kept), makeSnapshot(kept))).toEqual({ set: [], removed: [] });
  });

  it('is one owner for one label', () => {
    const changed = kept.map((entry, i) =>
      i === 137 ? resource('GlobalNetworkSet', 'g137', { nets: ['10.0.0.9'] }) : entry,
    );
    expect(diffOwners(makeSnapshot(kept), makeSnapshot(changed)).set.map(({ id }) => id)).toEqual([
      'GlobalNetworkSet/g137',
    ]);
  });

  it('reaches whoever inherits from a changed profile, Site or Router', () => {
    const wep = resource('WorkloadEndpoint', 'w', { profiles: ['p'], ipNetworks: ['10.0.0.1/32'] }, {}, 'n');
    const set = resource('NetworkSet', 's', { nets: ['10.0.0.2'] }, {}, 'n');
    const attachment = resource('Attachment', 'a', {
      router: 'r',
      site: 's',
      link: { interface: { name: 'e' } },
      addresses: { local: ['10.0.0.3/24'] },
    });
    const before = makeSnapshot([wep, set, attachment]);
    const changes = (...added: AnyResource[]) =>
      diffOwners(before, makeSnapshot([wep, set, attachment, ...added])).set.map(({ id }) => id);
    expect(changes(resource('Profile', 'p', { labelsToApply: { a: 'b' } }))).toEqual(['WorkloadEndpoint/n/w']);
    expect(changes(resource('Profile', 'kns.n', { labelsToApply: { a: 'b' } }))).toEqual(['NetworkSet/n/s']);
    expect(changes(resource('Profile', 'p', { ingress: [{ action: 'Allow' }] }))).toEqual([]);
    expect(changes(resource('Router', 'r', { asNumber: 1 }))).toEqual(['HostEndpoint/~a']);
    expect(changes(resource('Site', 's', { type: 'vpc' }))).toEqual(['HostEndpoint/~a']);
    expect(changes(resource('Profile', 'unused', {}))).toEqual([]);
  });

  it('always leads from the owners of one to those of the other', () => {
    // Long runs of insertions and deletions, so that the walk has to give up looking ahead.
    const pool = Array.from({ length: 240 }, (_, i) => [
      resource('GlobalNetworkSet', `g${i}`, { nets: ['10.0.0.1'] }, { v: '1' }),
      resource('GlobalNetworkSet', `g${i}`, i % 5 === 0 ? {} : { nets: ['10.0.0.1'] }, { v: '2' }),
    ]);
    const version = fc.array(fc.constantFrom(0, 1, undefined, undefined), { minLength: 240, maxLength: 240 });
    const run = fc.tuple(fc.nat(239), fc.nat(239), fc.constantFrom(0, 1, undefined));
    const snapshot = fc.tuple(version, fc.array(run, { maxLength: 3 })).map(([versions, runs]): Snapshot => {
      const chosen = [...versions];
      for (const [from, to, v] of runs) chosen.fill(v, Math.min(from, to), Math.max(from, to));
      return makeSnapshot(chosen.flatMap((v, i) => (v === undefined ? [] : (pool[i]?.[v] ?? []))));
    });
    fc.assert(
      fc.property(snapshot, snapshot, (before, after) => {
        const owners = new Map(resolveOwners(before).map((owner) => [owner.id, owner]));
        const { set, removed } = diffOwners(before, after);
        for (const owner of set) owners.set(owner.id, owner);
        for (const id of removed) owners.delete(id);
        expect(show([...owners.values()])).toEqual(show(resolveOwners(after)));
      }),
      { seed: 11, numRuns: 60 },
    );
  });
});
