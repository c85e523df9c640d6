/** Who may have a name and a tag, among devices that are there. */
import { describe, expect, it } from 'vitest';
import type { VlanLinkIntent } from '../../intent/links/links-intent.ts';
import type { NetDevice } from './netdevices.ts';
import { trunkName } from './tagger.ts';
import { refuseTag } from './vlan-tags.ts';

const link: VlanLinkIntent = {
  kind: 'vlan',
  attachment: 'dx',
  interfaceName: 'dx0.101',
  parent: 'dx0',
  id: 101,
  addresses: [],
  remotes: [],
  mtu: undefined,
  mssClamp: undefined,
};

function device(name: string, change: Partial<NetDevice> = {}): NetDevice {
  return {
    name,
    index: 7,
    kind: undefined,
    alias: undefined,
    mtu: 1500,
    mac: '02:00:00:00:00:01',
    isUp: true,
    hasCarrier: true,
    below: undefined,
    vlanId: undefined,
    addresses: [],
    ...change,
  };
}

const vlan = (name: string, parent: string, id: number, alias?: string): NetDevice =>
  device(name, { kind: 'vlan', below: parent, vlanId: id, alias });
const trunk = (alias?: string, name = trunkName('dx0.101')): NetDevice => device(name, { kind: 'veth', alias });
const pairEnd = (alias?: string): NetDevice => device('dx0.101', { kind: 'veth', below: trunkName('dx0.101'), alias });

const refuse = (there: readonly NetDevice[], change: Partial<VlanLinkIntent> = {}): string | undefined =>
  refuseTag('hub', { ...link, ...change }, new Map([device('dx0'), ...there].map((one) => [one.name, one])));

describe('a VLAN', () => {
  it.each<[string, readonly NetDevice[]]>([
    ['where its name and its tag are free', []],
    ['where the kernel has it for this router', [vlan('dx0.101', 'dx0', 101, 'causeway hub dx')]],
    ['where the tagger has it for this router', [pairEnd('causeway hub dx'), trunk('causeway hub dx trunk dx0 101')]],
    ['where it was half made when the agent was killed', [pairEnd(), trunk('causeway hub dx trunk dx0 101')]],
    ['where nobody uses the device that it then was killed over', [{ ...vlan('dx0.101', 'dx0', 101), isUp: false }]],
    ['where neither end of the pair was marked', [pairEnd(), trunk()].map((one) => ({ ...one, isUp: false }))],
    ['where others have the tag on another parent', [vlan('eth1.101', 'eth1', 101)]],
    ['where others have another tag on the parent', [vlan('dx0.102', 'dx0', 102)]],
  ])('may be made %s', (_, there) => {
    expect(refuse(there)).toBeUndefined();
  });

  it.each<[string, readonly NetDevice[], string]>([
    [
      'whose name is taken',
      [vlan('dx0.101', 'dx0', 101)],
      "a device dx0.101 that is not this router's is there already",
    ],
    [
      'whose name an unused device with another tag has',
      [{ ...vlan('dx0.101', 'dx0', 102), isUp: false }],
      "a device dx0.101 that is not this router's is there already",
    ],
    [
      'whose name a pair has that is in use',
      [pairEnd(), trunk()],
      "a device dx0.101 that is not this router's is there already",
    ],
    [
      'whose name another router has',
      [vlan('dx0.101', 'dx0', 101, 'causeway hub2 dx')],
      "a device dx0.101 that is not this router's is there already",
    ],
    [
      "whose tag a device of the host's has",
      [vlan('private', 'dx0', 101)],
      'tag 101 is in use on dx0 already, by the device private',
    ],
    [
      "whose tag another router's tagger has",
      [trunk('causeway hub2 dx-b trunk dx0 101', 'cw-other')],
      'tag 101 is in use on dx0 already, by router hub2 for dx-b',
    ],
  ])('%s is refused with the reason', (_, there, reason) => {
    expect(refuse(there)).toBe(reason);
  });

  it('is refused with an MTU larger than that of its parent', () => {
    expect(refuse([], { mtu: 1500 })).toBeUndefined();
    expect(refuse([], { mtu: 1501 })).toBe('its MTU of 1501 does not fit its parent dx0, which has 1500');
  });
});
