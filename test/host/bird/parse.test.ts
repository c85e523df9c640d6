/**
 * Printed configurations before the real BIRD: it must accept them, whatever a user put into names, and refuse a bad one.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { birdText, hub, resolveFor, resolveHub } from '../../../src/bird/hub.fixture.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import type { AnyResource } from '../../../src/resources/resource.ts';
import { requirePrograms } from './namespaces.ts';

let dir: string;

beforeAll(() => {
  requirePrograms();
  dir = mkdtempSync(join(tmpdir(), 'cw-parse-'));
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What BIRD has against the text; empty when it accepts it. */
function complaint(text: string): string {
  const path = join(dir, 'bird.conf');
  writeFileSync(path, text);
  const { status, stderr, stdout } = spawnSync('bird', ['-p', '-c', path], { encoding: 'utf8' });
  return status === 0 ? '' : stderr + stdout || `exit code ${status}`;
}

const everyCondition = resource('BGPFilter', 'every.condition', {
  importV4: [
    {
      action: 'Accept',
      cidr: '10.0.0.0/8',
      matchOperator: 'In',
      prefixLength: { min: 16, max: 24 },
      source: 'RemotePeers',
      interface: 'eth*',
      peerType: 'eBGP',
      communities: { values: ['65000:1'] },
      asPathPrefix: [65001, '1.1'],
      priority: 1024,
      operations: [
        { addCommunity: { value: '1:2' } },
        { addCommunity: { value: '4294967295:2:3' } },
        { prependASPath: { prefix: [1, 2] } },
        { setPriority: { value: 2147483646 } },
      ],
    },
    { action: 'Reject', communities: { values: ['1:2:3'] }, peerType: 'iBGP', priority: 7 },
    { action: 'Reject', cidr: '10.0.0.0/8', matchOperator: 'NotIn', prefixLength: { max: 24 } },
    { action: 'Reject', cidr: '10.0.0.0/8', matchOperator: 'Equal', prefixLength: { min: 16 } },
    { action: 'Reject', cidr: '10.0.0.0/8', matchOperator: 'In', prefixLength: { min: 24, max: 16 } },
    { action: 'Reject' },
  ],
  exportV6: [{ action: 'Accept', cidr: '::/0', matchOperator: 'NotEqual' }],
});

const node = resource('Node', 'n1', {
  bgp: { ipv4Address: '172.16.0.1/24', ipv6Address: 'fd16::1/64', routeReflectorClusterID: '1.0.0.1' },
});
const everyAttribute = resource('BGPPeer', 'p', {
  peerIP: '172.16.0.9:1790',
  asNumber: 64512,
  localASNumber: 64512,
  password: { secretKeyRef: { name: 's', key: 'k' } },
  maxRestartTime: '60s',
  keepaliveTime: '10s',
  numAllowedLocalASNumbers: 3,
  ttlSecurity: 2,
  nextHopMode: 'Keep',
  filters: ['every.condition'],
  reachableBy: '172.16.0.8',
});
const everySetting = resource('BGPConfiguration', 'default', {
  logSeverityScreen: 'Debug',
  listenPort: 1790,
  bindMode: 'NodeIP',
  serviceClusterIPs: [{ cidr: '10.96.0.0/12' }],
  serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }],
  communities: [{ name: 'c', value: '1:2:3' }],
  prefixAdvertisements: [{ cidr: '10.244.0.0/16', communities: ['c', '1:1'] }],
  ignoredInterfaces: ['eth*', 'a.b-c_d'],
});
const pools = [
  resource('IPPool', 'a', { cidr: '10.244.0.0/16', vxlanMode: 'Always' }),
  resource('IPPool', 'b', { cidr: 'fd24::/48', disableBGPExport: true }),
];
const everyAttachmentField = resource('Attachment', 'dc', {
  router: 'tr1',
  site: 'dc',
  link: { interface: { name: 'eth0' } },
  addresses: { local: ['192.168.0.1/30', 'fd00::1/64'], remote: ['192.168.0.2', 'fd00::2'] },
  bgp: {
    asNumber: 65010,
    localASNumber: 64999,
    password: { secretRef: { name: 's', key: 'k' } },
    holdTime: '9s',
    keepaliveTime: '3s',
    multihop: 4,
    ttlSecurity: 3,
    gracefulRestart: 'off',
    bfd: { minInterval: '200ms', multiplier: 4 },
    families: ['ipv4', 'ipv6'],
    localRole: 'rs-server',
    strictRole: true,
    enforceFirstAS: true,
    maxASPathLength: 12,
    defaultOriginate: true,
    overrideAS: true,
    aggregate: ['10.0.0.0/9', 'fd10:0:1::/49'],
    med: 7,
    localPref: 300,
    prepend: 2,
    rawFilters: { import: 'user_in', export: 'user_out' },
    maxPrefixes: {
      receive: { ipv4: { limit: 20, action: 'down' }, ipv6: { limit: 20 } },
      import: { ipv4: { limit: 10, action: 'block' }, ipv6: { limit: 10, action: 'down' } },
      export: { ipv4: { limit: 10 } },
    },
    preference: 'backup',
    communities: ['1:2', '1:2:3'],
    allowLocalAS: 1,
    passive: true,
    importFilters: ['every.condition'],
    exportFilters: ['every.condition'],
  },
});

describe('BIRD accepts', () => {
  const secrets = new Map([['s/k', "a'b\\c;}#{"]]);

  it.each<[string, string, readonly AnyResource[]]>([
    ['the hub of the fixture', 'tr1', hub],
    ['its other router', 'tr2', hub],
    ['every field of an Attachment', 'tr1', [...hub, everyAttachmentField, everyCondition]],
    [
      'every field of a BGPPeer, BGPFilter and BGPConfiguration',
      'n1',
      [node, everyAttribute, everyCondition, everySetting, ...pools],
    ],
    [
      'timers beyond what BGP can say, and link-local peers',
      'n1',
      [
        node,
        resource('BGPPeer', 'slow', { peerIP: '172.16.0.7', asNumber: 1, keepaliveTime: '100h', maxRestartTime: '9h' }),
        resource('BGPPeer', 'fast', { peerIP: '172.16.0.8', asNumber: 1, keepaliveTime: '1ms', maxRestartTime: '0s' }),
        resource('BGPPeer', 'near', { peerIP: 'fe80::9', asNumber: 1, reachableBy: 'fe80::8' }),
      ],
    ],
    ['a router without any session', 'n1', [resource('Node', 'n1', { bgp: { ipv6Address: 'fd00::1/64' } })]],
  ])('%s', (_, router, resources) => {
    const localBlocks = [{ family: 4, bits: 0x0af40040n, length: 26 }] as const;
    const { routing } = resolveFor(router, resources, { localBlocks });
    expect(complaint(birdText(routing, { secrets }))).toBe('');
    expect(complaint(birdText(routing))).toBe('');
  });

  it('names of any shape, none of which can become syntax', () => {
    const nasty = [
      'a"b',
      "a'; protocol device x {}",
      'a\nrouter id 9.9.9.9;',
      '# x',
      'x'.repeat(300),
      '{',
      'protocol',
      'ü',
    ];
    for (const name of nasty) {
      const attachment = { ...everyAttachmentField, metadata: { name } };
      const filter = { ...everyCondition, metadata: { name } };
      const peer = resource('BGPPeer', name, { node: 'tr1', peerIP: '10.255.0.9', asNumber: 1, filters: [name] });
      const { routing } = resolveHub('tr1', [attachment, filter, peer] as AnyResource[]);
      const text = birdText(routing, { secrets });
      expect(complaint(text), name).toBe('');
      expect(text.match(/^router id .*$/gm)).toEqual(['router id 10.255.0.1;']);
    }
  });
});

describe('BIRD accepts, of text of the user’s own,', () => {
  const text = 'function user_in() { return true; }\nfunction user_out() { return net ~ [10.0.0.0/8+]; }\n';
  const hooked = resolveHub('tr1', [everyAttachmentField, everyCondition]).routing;
  const secrets = new Map([['s/k', 'pw']]);

  it('functions that are called for each route; without them the session is held down', () => {
    const withText = birdText(hooked, { secrets, snippets: [{ file: 'a.conf', text }] });
    expect(complaint(withText)).toBe('');
    expect(withText).toContain('user_in()');
    expect(withText).not.toContain('disabled;');
    const without = birdText(hooked, { secrets });
    expect(complaint(without)).toBe('');
    expect(without).toContain("# held down: no file of the user's own BIRD text defines function user_in");
  });

  it.each(['a\nrouter id 9.9.9.9;.conf', '"; }.conf', '*/ x.conf', 'ü#.conf', 'x'.repeat(300)])(
    'files named %j, none of which can become syntax',
    (file) => {
      const printed = birdText(hooked, { secrets, snippets: [{ file, text }] });
      expect(complaint(printed)).toBe('');
      expect(printed.match(/^router id .*$/gm)).toEqual(['router id 10.255.0.1;']);
    },
  );

  it('everything of a drained router with active aggregates', () => {
    const activeAggregates = hooked.aggregates.map(({ prefix }) => prefix);
    expect(activeAggregates).toHaveLength(2);
    const snippets = [{ file: 'a.conf', text }];
    const printed = birdText({ ...hooked, isDrained: true }, { secrets, snippets, activeAggregates });
    expect(complaint(printed)).toBe('');
    expect(printed.match(/route .* unreachable;/g)).toHaveLength(4);
  });
});

describe('BIRD refuses', () => {
  it.each<[string, (text: string) => string]>([
    [
      'a filter that is not there',
      (text) => text.replace('import filter cw_import_attachment_dc_192_168_0_2;', 'import filter cw_nothing;'),
    ],
    [
      'a session without an import policy',
      (text) => text.replace('import filter cw_import_attachment_dc_192_168_0_2;', ''),
    ],
    ['a brace too few', (text) => text.replace(/\}\n$/, '')],
  ])('%s, so that the check above can fail', (_, spoil) => {
    const text = birdText(resolveHub('tr1').routing);
    expect(spoil(text)).not.toBe(text);
    expect(complaint(spoil(text))).not.toBe('');
  });
});
