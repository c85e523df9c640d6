/** What happens to a VLAN when its parent is no plain cable, or changes under it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { trunkName } from '../../../src/edge/links/tagger.ts';
import { type InterfaceAddress, parseCidr } from '../../../src/net/prefix.ts';
import { eventually, requirePrograms } from '../bird/namespaces.ts';
import { layWire, vlanLink, type Wire } from './vlan-wire.ts';

const none = new Map<string, string>();
const answers = (wire: Wire) => ['169.254.10.2', 'fd00:10::2'].map((address) => wire.reaches('a', address));

let wire: Wire;

beforeEach(() => {
  requirePrograms();
  wire = layWire();
});

afterEach(() => wire.remove());

const ensure = (end: 'a' | 'b') => wire.driver(end).ensure([vlanLink(end)], none);
async function joinEnds(): Promise<void> {
  for (const end of ['a', 'b', 'a'] as const) await ensure(end);
}

/** Names of BPF programs at the entrance of a device. */
function programsAt(device: string): readonly string[] {
  const told = JSON.parse(wire.run('a', 'tc', '-json', 'filter', 'show', 'dev', device, 'ingress')) as {
    readonly options?: { readonly prog?: { readonly name: string } };
  }[];
  return told.flatMap(({ options }) => options?.prog?.name ?? []);
}

describe('a parent that takes only the multicast frames it was told of', () => {
  // As hardware does, and a macvlan in this kernel.
  const underMacvlan = (): void => {
    wire.run('b', 'ip', 'link', 'set', 'dx0', 'name', 'port');
    wire.run('b', 'ip', 'link', 'set', 'port', 'up');
    wire.run('b', 'ip', 'link', 'add', 'dx0', 'link', 'port', 'type', 'macvlan', 'mode', 'private');
    wire.run('b', 'ip', 'link', 'set', 'dx0', 'up');
  };

  it('lets the neighbours of the VLAN be found, by both families', async () => {
    underMacvlan();
    await joinEnds();
    expect(answers(wire)).toEqual([true, true]);
  });

  it('is told no more of them when the VLAN goes', async () => {
    underMacvlan();
    const groups = () => wire.run('b', 'ip', 'maddress', 'show', 'dev', 'dx0');
    const before = groups();
    await joinEnds();
    await wire.driver('b').ensure([], none);
    expect(groups()).toBe(before);
  });
});

describe('a parent that is renamed', () => {
  it('is missed at once, and leaves nothing of ours behind when the VLAN goes', async () => {
    await joinEnds();
    const driver = wire.driver('a');
    await driver.ensure([vlanLink('a')], none);
    const carries = () =>
      JSON.parse(wire.run('a', 'ip', '-json', 'link', 'show', 'dev', 'dx0.101'))[0].flags.includes('LOWER_UP');
    const watching = driver.watch(() => undefined);
    // Once it heard of one thing, it hears of the next.
    wire.run('b', 'ip', 'link', 'set', 'dx0', 'down');
    await eventually('the carrier is gone', carries, (value) => !value);
    wire.run('b', 'ip', 'link', 'set', 'dx0', 'up');
    await driver.ensure([vlanLink('a')], none);
    expect(carries()).toBe(true);
    wire.run('a', 'ip', 'link', 'set', 'dx0', 'name', 'dx9');
    await eventually('it is missed', carries, (value) => !value);
    const [report] = await driver.ensure([vlanLink('a')], none);
    expect(report).toMatchObject({ state: 'down', reason: 'its parent dx0 is not there' });
    await driver.ensure([], none);
    watching.close();
    expect(programsAt('dx9')).toEqual([]);
  });
});

describe("a user's filters at the parent", () => {
  it('may be held by an ingress qdisc, and stay as they are', async () => {
    wire.run('a', 'tc', 'qdisc', 'add', 'dev', 'dx0', 'ingress');
    const filter = ['dev', 'dx0', 'ingress', 'pref', '7', 'protocol', 'ip', 'u32', 'match', 'u32', '0', '0'];
    wire.run('a', 'tc', 'filter', 'add', ...filter);
    const state = () => wire.run('a', 'sh', '-c', 'tc qdisc show dev dx0; tc filter show dev dx0 ingress');
    const before = state();
    await joinEnds();
    expect(answers(wire)).toEqual([true, true]);
    await wire.driver('a').ensure([], none);
    expect(state()).toBe(before);
  });
});

describe('two tags on one parent', () => {
  const other = (end: 'a' | 'b') =>
    vlanLink(end, {
      attachment: 'second',
      interfaceName: 'dx0.102',
      id: 102,
      addresses: [parseCidr(`192.0.2.${end === 'a' ? 1 : 2}/30`) as InterfaceAddress],
    });
  const both = async () => {
    for (const end of ['a', 'b', 'a'] as const) await wire.driver(end).ensure([vlanLink(end), other(end)], none);
  };
  const reachesOther = (): boolean => wire.reaches('a', '192.0.2.2');

  it('carry their own, and one goes without the other', async () => {
    await both();
    expect([...answers(wire), reachesOther()]).toEqual([true, true, true]);
    await wire.driver('b').ensure([other('b')], none);
    expect([...answers(wire), reachesOther()]).toEqual([false, false, true]);
  });

  it('are not mixed up with what the parent has itself, nor with a tag that nobody has', async () => {
    await both();
    // The parent of b takes the address of its second VLAN: frames with that tag must not reach it.
    await wire.driver('b').ensure([vlanLink('b')], none);
    wire.run('b', 'ip', 'address', 'add', '192.0.2.2/30', 'dev', 'dx0');
    expect([...answers(wire), reachesOther()]).toEqual([true, true, false]);
  });
});

it('a frame with a second tag behind that of the VLAN is not for the VLAN', async () => {
  await joinEnds();
  // At a, a VLAN on top of the VLAN; at b, only its address, on the VLAN itself.
  const within = vlanLink('a', {
    attachment: 'within',
    interfaceName: 'q5',
    parent: 'dx0.101',
    id: 5,
    addresses: [parseCidr('192.0.2.1/30') as InterfaceAddress],
  });
  await wire.driver('a').ensure([vlanLink('a'), within], none);
  wire.run('b', 'ip', 'address', 'add', '192.0.2.2/30', 'dev', 'dx0.101');
  const [{ address: mac }] = JSON.parse(wire.run('b', 'ip', '-json', 'link', 'show', 'dev', 'dx0.101'));
  wire.run('a', 'ip', 'neighbour', 'add', '192.0.2.2', 'lladdr', mac, 'dev', 'q5');
  const capture = await wire.capture('b', 'dx0', 'vlan 101 and vlan 5');
  expect(wire.reaches('a', '192.0.2.2')).toBe(false);
  const requests = () => capture.frames.filter((frame) => frame.includes('echo request'));
  await eventually('it arrives with both tags', requests, ({ length }) => length > 0);
  expect(capture.frames.filter((frame) => frame.includes('echo reply'))).toEqual([]);
  expect(answers(wire)).toEqual([true, true]);
  capture.close();
});

describe('what somebody changes', () => {
  it.each([
    ["the parent's filter", 'tc filter delete dev dx0 ingress pref 40101'],
    ['what holds it', 'tc qdisc delete dev dx0 clsact'],
    ["the trunk end's filter", `tc qdisc delete dev ${trunkName('dx0.101')} clsact`],
    ['the trunk end, which is switched off', `ip link set dev ${trunkName('dx0.101')} down`],
    ['the sub-interface, which is switched off', 'ip link set dev dx0.101 down'],
    ['its addresses', 'ip address flush dev dx0.101'],
    ["the parent's MAC address", 'ip link set dev dx0 address 02:00:00:00:00:77'],
  ])('is as it was after the next turn: %s', async (_what, command) => {
    await joinEnds();
    if (programsAt('dx0').length === 0) return; // the kernel's own VLANs have none of these pieces
    wire.run('a', ...command.split(' '));
    await ensure('a');
    // Neighbours may have to be found again.
    await eventually(
      'it carries both families',
      () => answers(wire).join(),
      (both) => both === 'true,true',
    );
  });
});

it('several addresses of one subnet go and come', async () => {
  const addresses = ['192.0.2.1/29', '192.0.2.2/29', '192.0.2.3/29'].map((text) => parseCidr(text) as InterfaceAddress);
  const addressesOfIt = () =>
    wire.run('a', 'ip', '-4', '-o', 'address', 'show', 'dev', 'dx0.101').split('\n').length - 1;
  await wire.driver('a').ensure([vlanLink('a', { addresses })], none);
  expect(addressesOfIt()).toBe(3);
  const [report] = await wire.driver('a').ensure([vlanLink('a')], none);
  expect([report?.state, addressesOfIt()]).toEqual(['up', 1]);
});

it('a pair that an agent was killed over, before it was marked, is finished by its successor', async () => {
  wire.run('a', 'ip', 'link', 'add', 'name', trunkName('dx0.101'), 'type', 'veth', 'peer', 'name', 'dx0.101');
  await joinEnds();
  expect(answers(wire)).toEqual([true, true]);
});
