/** Lab files, and the small pure parts of the lab: what they refuse, what they read, what they count. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { classify } from '../../lab/checks/packets.ts';
import { measureLoss } from '../../lab/failover.ts';
import { parseProtocols } from '../../lab/nodes/bird-protocols.ts';
import { readCluster, renderCalicoBird } from '../../lab/nodes/calico-bird.ts';
import { packageRoot } from '../../lab/package-root.ts';
import { createPaint, renderTable } from '../../lab/report/table.ts';
import { neededPrograms } from '../../lab/terminal.ts';
import { parseLab, readLab } from '../../lab/topology/lab-file.ts';
import { storeOf } from '../../lab/topology/stores.ts';
import { addressFor, dial, doorOf } from '../../lab/topology/wiring.ts';

const tiny = readFileSync(`${packageRoot()}/test/lab/fixtures/tiny.yaml`, 'utf8');

function example(name: string) {
  const lab = readLab(`${packageRoot()}/examples/${name}`);
  if (!lab.ok) throw new Error(`the example ${name} is not valid`);
  return lab.value;
}

const hybrid = () => example('hybrid');

/** `line:column field: message` of each error. */
function problems(text: string): string[] {
  const parsed = parseLab(text, '/lab.yaml');
  return parsed.ok ? [] : parsed.error.map((e) => `${e.line}:${e.column} ${e.field}: ${e.message}`);
}

function failover(what: string): string {
  return `  failover:\n    - streams: [{ from: bob, to: alice, port: tcp/80 }]\n      ${what}\n`;
}

describe('a lab file', () => {
  it('is accepted as it stands', () => {
    expect(problems(tiny)).toEqual([]);
  });

  it.each([
    [
      'an unknown field',
      tiny.replace('resources: none', 'resources: none\n  speed: 9'),
      /^8:3 spec\.speed: there is no such field$/,
    ],
    ['a duplicate key', tiny.replace('bob: { type: host }', 'alice: { type: host }'), /Map keys must be unique/],
    ['an unknown type of node', tiny.replace('type: bridge', 'type: hub'), /^9:15 spec\.nodes\.switch\.type: /],
    ['an interface name too long', tiny.replace('interface: eth0', 'interface: abcdefghijklmnop'), /1 to 15/],
    ['a shell in an interface name', tiny.replace('interface: eth0', 'interface: "a;reboot"'), /1 to 15/],
    ['an address without its length', tiny.replace('192.0.2.1/24', '192.0.2.1'), /an address with its length/],
    ['a link to nowhere', tiny.replace('- bob:', '- rob:'), /there is no node rob; nodes are switch, alice, bob/],
    [
      'two links on one interface',
      tiny.replace('{ interface: bob }', '{ interface: alice }'),
      /on another link already/,
    ],
    [
      'a tag that 802.1Q has not',
      tiny.replace('{ interface: bob }', '{ interface: bob, vlans: [{ id: 4095, interface: v }] }'),
      /vlans\[0\]\.id: /,
    ],
    [
      'one tag twice on a link',
      tiny.replace(
        '{ interface: bob }',
        '{ interface: bob, vlans: [{ id: 7, interface: v }, { id: 7, interface: w }] }',
      ),
      /VLAN 7 is there already/,
    ],
    ['a tunnel with one end', `${tiny}  tunnels: [{ bob: tun0 }]\n`, /a tunnel joins exactly two nodes/],
    ['a tunnel to nowhere', `${tiny}  tunnels: [{ bob: tun0, eve: tun0 }]\n`, /there is no node eve/],
    ['a check of nobody', tiny.replace('from: bob', 'from: eve'), /there is no node eve/],
    ['a port that is none', tiny.replace('tcp/80', 'http'), /tcp\/PORT or udp\/PORT/],
    ['nothing to kill or to cut', tiny + failover(''), /either a router to kill or a link to cut/],
    ['a cut where no link is', tiny + failover('cut: { node: bob, interface: eth9 }'), /bob has no link at eth9/],
    [
      'a death of a bridge',
      tiny + failover('kill: switch'),
      /failover\[0\]\.kill: the node to kill must be of type router/,
    ],
    ['a list', '- a\n- b\n', /^1:1 /],
    ['nothing', '', /^1:1 /],
  ])('with %s is refused, and where it is said', (_, text, expected) => {
    expect(problems(text).join('\n')).toMatch(expected);
  });

  it.each([
    ['as it stands', (text: string) => text, /^$/],
    [
      'without the secret',
      (text: string) => text.replace('secrets: [tunnel/psk]', ''),
      /tunnel\/psk is none of the lab's/,
    ],
    ['with a secret outside its folder', (text: string) => text.replace('[tunnel/psk]', '[../psk]'), /NAME\/KEY/],
    ['to nowhere', (text: string) => text.replace('on: right,', 'on: up,'), /there is no node up/],
    ['twice', (text: string) => text.replace('on: right,', 'on: left,'), /left:tun0 is on another link already/],
  ])('describes tunnel endpoints, %s', (_, edit, expected) => {
    const text = readFileSync(`${packageRoot()}/test/lab/fixtures/tunnel/lab.yaml`, 'utf8');
    expect(problems(edit(text)).join('\n')).toMatch(expected);
  });

  it('names all of its errors at once', () => {
    const text = tiny.replace('from: bob, to: alice, port: tcp/80', 'from: eve, to: mallory, port: tcp/80');
    expect(problems(text)).toHaveLength(2);
  });
});

describe('the store of a router', () => {
  const shared = '/var/lib/causeway/store';

  it.each([
    ['nothing', 'type: router', shared, '/labs/none'],
    ['the folder of all', 'type: router, resources: ./none', shared, '/labs/none'],
    ['a folder of its own', 'type: router, resources: ./edge/', `${shared}-edge`, '/labs/edge'],
    ['one further down', 'type: router, resources: teams/edge', `${shared}-teams%2Fedge`, '/labs/teams/edge'],
  ])('is, where it says %s, the right one', (_, node, directory, resources) => {
    const lab = parseLab(tiny.replace('bob: { type: host', `bob: { ${node}`), '/labs/lab.yaml');
    expect(lab.ok && storeOf(lab.value, 'bob')).toEqual({ directory, resources });
  });
});

it.each([
  ['two-routers', ['bash', 'bird2', 'frr', 'iproute2', 'nftables', 'util-linux']],
  [
    'hybrid',
    [
      ...['bash', 'bird2', 'charon-systemd', 'frr', 'iproute2'],
      ...['libcharon-extra-plugins', 'libstrongswan-extra-plugins', 'libstrongswan-standard-plugins', 'nftables'],
      ...['strongswan-swanctl', 'util-linux', 'wireguard-go', 'wireguard-tools'],
    ],
  ],
])('%s needs what its nodes and the links of its routers run', async (name, packages) => {
  const needed = await neededPrograms(example(name));
  expect([...new Set(needed.map(([, debian]) => debian))].sort()).toEqual(packages);
});

describe('wiring', () => {
  it.each([
    ['tr1', 'db1', 'tr1-dc-dx'],
    ['tr1', 'app-c', 'tr1-spoke-c-1'],
    ['dc-edge', 'web-a', 'edge-tr1-dx'],
    ['dc-edge', 'db1', 'core0'],
    ['tr1', 'web-a', 'vpca0'],
    ['tr1', 'catalog-b', 'vpcb0'],
    ['tr2', 'bastion', 'mgmt0'],
    ['tr1', 'tr2', 'hub0'],
  ])('%s meets %s at %s', (router, node, door) => {
    expect(doorOf(hybrid(), router, node)).toBe(door);
  });

  it.each([
    ['dc-edge', 'app1', 'edge-hub-dx-1'],
    ['hub1', 'app1', 'hub-spoke-1'],
    ['hub1', 'db1', 'hub-edge-dx-1'],
  ])('%s meets %s at %s, over tunnels and other routers', (router, node, door) => {
    expect(doorOf(example('links'), router, node)).toBe(door);
  });

  it.each([
    ['bastion', 'tr1', 4, '10.20.100.1'],
    ['web-a', 'tr1', 6, '2001:db8:1::1'],
    ['web-a', 'db1', 4, '10.10.1.10'],
    ['db1', 'web-a', 6, '2001:db8:101::a'],
  ] as const)('%s calls %s in IPv%s at %s', (from, to, family, address) => {
    expect(addressFor(hybrid(), from, to, family)).toBe(address);
  });
});

describe('one node calls another', () => {
  it.each([
    [
      'in both families that both have',
      'web-a',
      'db1',
      ['10.101.0.10 → 10.10.1.10', '2001:db8:101::a → 2001:db8:10:1::10'],
    ],
    ['in the one that the caller has', 'app-c', 'db1', ['10.3.0.10 → 10.10.1.10']],
    ['in the one that the called has', 'web-a', 'app-c', ['10.101.0.10 → 10.3.0.10']],
  ])('%s', (_, from, to, expected) => {
    expect(dial(hybrid(), from, to).map(({ source, address }) => `${source} → ${address}`)).toEqual(expected);
  });
});

describe('a cluster node', () => {
  const text = renderCalicoBird(readCluster(`${packageRoot()}/examples/hybrid/spoke-a`), 'a-node1', ['10.101.0.0/26']);

  it('peers with its mesh and with both routers, in both families', () => {
    expect(text.match(/^protocol bgp (\S+)/gm)).toHaveLength(6);
    expect(text).toContain('neighbor 10.1.0.12 as 64601;\n  source address 10.1.0.11;\n  passive on;');
    expect(text).toContain('neighbor 2001:db8:1::2 as 64520;\n  source address 2001:db8:1::11;');
  });

  it('advertises its block but nothing more specific, and what else lies in a pool', () => {
    expect(text).toContain('if net = 10.101.0.0/26 then accept;\n  if net ~ [ 10.101.0.0/26+ ] then reject;');
    expect(text).toContain('if net ~ [ 10.101.0.0/16+ ] then accept;\n  reject;');
  });
});

describe('what probes and streams say', () => {
  it.each([
    ['echo', true, 'allow'],
    ['no answer to SYN', false, 'deny'],
    ['no answer', false, 'deny'],
    ['ECONNREFUSED', false, 'reached'],
    ['connected, no echo', false, 'reached'],
    ['ENETUNREACH', false, 'unroutable'],
  ] as const)('%s is %s → %s', (detail, answered, observed) => {
    expect(classify({ answered, detail, ms: 1 })).toBe(observed);
  });

  const attempts = (...answered: boolean[]) =>
    answered.map((yes, i) => ({ at: i * 100, answeredAt: yes ? i * 100 + 1 : null }));

  it.each([
    ['nothing lost', attempts(true, true, true), { sent: 3, lost: 0, seconds: 0 }],
    ['one gap', attempts(true, false, false, true), { sent: 4, lost: 2, seconds: 0.2 }],
    [
      'the longer of two gaps',
      attempts(true, false, true, false, false, false, true),
      { sent: 7, lost: 4, seconds: 0.3 },
    ],
    ['some still under way', attempts(true, true, false, false), { sent: 4, lost: 0, seconds: 0 }],
  ])('measures %s', (_, list, loss) => {
    expect(measureLoss(list)).toEqual(loss);
  });

  it('reads sessions from birdc', () => {
    const output = `BIRD 2.0.12 ready.
Name       Proto      Table      State  Since         Info
device1    Device     ---        up     01:00:00.000
peer_a     BGP        ---        up     01:00:01.000  Established
  BGP state:          Established
    Neighbor address: fe80::1%eth0
    Neighbor AS:      65010
peer_b     BGP        ---        start  01:00:01.000  Active        Socket: Connection refused
  BGP state:          Active
    Neighbor address: 10.0.0.2
    Neighbor AS:      65011
    Last error:       Socket: Connection refused
`;
    expect(parseProtocols(output)).toEqual([
      { neighbor: 'fe80::1', remoteAs: 65010, isEstablished: true, state: 'Established' },
      { neighbor: '10.0.0.2', remoteAs: 65011, isEstablished: false, state: 'Active (Socket: Connection refused)' },
    ]);
  });

  it('aligns a table by what is seen, not by its colours', () => {
    const paint = createPaint(true);
    const lines = renderTable(
      ['A', 'B'],
      [
        [paint('green', 'x'), '1'],
        ['xxx', '2'],
      ],
      paint,
    ).split('\n');
    expect(lines[1]?.replace('\u001b[32mx\u001b[0m', 'x')).toBe('  x    1');
    expect(lines[2]).toBe('  xxx  2');
  });
});
