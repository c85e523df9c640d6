/** What a parent is told of, by the pairs that are over it. */
import { expect, it } from 'vitest';
import { type InterfaceAddress, parseCidr } from '../../net/prefix.ts';
import type { NetDevice } from './netdevices.ts';
import { groupsByParent } from './vlan-groups.ts';

const device = (name: string, change: Partial<NetDevice>): NetDevice => ({
  name,
  index: 7,
  kind: 'veth',
  alias: undefined,
  mtu: 1500,
  mac: undefined,
  isUp: true,
  hasCarrier: true,
  below: undefined,
  vlanId: undefined,
  addresses: [],
  ...change,
});

const pair = (router: string, parent: string, id: number, mac: string, addresses: readonly string[]) => [
  device(`cw-${id}`, { below: `${parent}.${id}`, alias: `causeway ${router} dx trunk ${parent} ${id}` }),
  device(`${parent}.${id}`, {
    below: `cw-${id}`,
    mac,
    addresses: addresses.map((text) => parseCidr(text) as InterfaceAddress),
  }),
];

it('a parent is told of all nodes, and of those who look for an address over it, of each router', () => {
  const devices = [
    device('dx0', { kind: undefined, mac: '02:00:00:0a:0b:0c' }),
    ...pair('r1', 'dx0', 101, '02:00:00:0a:0b:0c', ['169.254.10.1/30', 'fd00::12:3456/126']),
    ...pair('r2', 'dx0', 102, '02:00:00:0a:0b:0c', ['fd01::1/126']),
    ...pair('r1', 'eth1', 7, '02:00:00:01:02:03', []),
    device('eth2', { addresses: [parseCidr('fd02::9/64') as InterfaceAddress] }),
  ];
  const groups = groupsByParent(new Map(devices.map((one) => [one.name, one])));
  expect([...groups].map(([parent, macs]) => [parent, [...macs].sort()])).toEqual([
    ['dx0', ['33:33:00:00:00:01', '33:33:ff:00:00:01', '33:33:ff:0a:0b:0c', '33:33:ff:12:34:56']],
    ['eth1', ['33:33:00:00:00:01', '33:33:ff:01:02:03']],
  ]);
});
