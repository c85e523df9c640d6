/**
 * VLANs between two kernels: what is on the wire, as tcpdump decodes it, what is let in, and what is left when they go. Where the
 * kernel has 802.1Q these run over its own driver.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LinkReport } from '../../../src/links/link-report.ts';
import { eventually, requirePrograms } from '../bird/namespaces.ts';
import { layWire, vlanLink, type Wire } from './vlan-wire.ts';

const none = new Map<string, string>();
const families = [
  [4, '169.254.10.2'],
  [6, 'fd00:10::2'],
] as const;

let wire: Wire;

beforeEach(() => {
  requirePrograms();
  wire = layWire();
});

afterEach(() => wire.remove());

/** Both ends have VLAN 101. */
async function joinEnds(): Promise<readonly LinkReport[]> {
  const reports = [];
  for (const end of ['a', 'b'] as const) reports.push(...(await wire.driver(end).ensure([vlanLink(end)], none)));
  // The second cable end carries once both are there.
  return (await wire.driver('a').ensure([vlanLink('a')], none)).concat(reports.slice(1));
}

const left = (end: 'a' | 'b') => ({
  devices: (JSON.parse(wire.run(end, 'ip', '-json', 'link')) as { ifname: string }[])
    .map(({ ifname }) => ifname)
    .sort(),
  holders: wire
    .run(end, 'tc', 'qdisc', 'show')
    .split('\n')
    .filter((line) => /clsact|ingress/.test(line)),
});

describe('a VLAN', () => {
  it('is up at both ends, and says what carries it', async () => {
    for (const report of await joinEnds()) {
      expect(report).toMatchObject({ state: 'up', reason: null, mtu: 1500 });
      expect(['kernel-8021q', 'tc-bpf-tagger']).toContain(report.driver);
    }
  });

  it.each(families)('carries IPv%i with its tag on every frame of the wire', async (family, address) => {
    await joinEnds();
    const capture = await wire.capture('b', 'dx0', family === 4 ? 'vlan and icmp' : 'vlan and icmp6');
    expect(wire.reaches('a', address)).toBe(true);
    const echo = () => capture.frames.filter((line) => line.includes('echo re'));
    const frames = await eventually('request and reply are captured', echo, ({ length }) => length >= 2);
    for (const frame of frames) expect(frame).toMatch(/ethertype 802\.1Q \(0x8100\).* vlan 101,/);
    capture.close();
  });

  it.each(families)('carries IPv%i packets of 1500 bytes over a parent of 1500', async (family, address) => {
    await joinEnds();
    const payload = 1500 - (family === 4 ? 28 : 48);
    expect(wire.reaches('a', address, '-M', 'do', '-s', `${payload}`)).toBe(true);
    expect(wire.reaches('a', address, '-M', 'do', '-s', `${payload + 1}`)).toBe(false);
  });

  it.each(families)('with another tag at the other end carries no IPv%i', async (_, address) => {
    await joinEnds();
    expect(wire.reaches('a', address)).toBe(true);
    await wire.driver('b').ensure([vlanLink('b', { id: 102 })], none);
    const inside = await wire.capture('b', 'dx0.101', 'inbound');
    const outside = await wire.capture('b', 'dx0', 'vlan 101');
    expect(wire.reaches('a', address)).toBe(false);
    await eventually(
      'frames with tag 101 arrive',
      () => outside.frames.length,
      (count) => count > 0,
    );
    expect(inside.frames).toEqual([]);
    for (const each of [inside, outside]) each.close();
  });

  it('is given no frame without a tag', async () => {
    await joinEnds();
    const inside = await wire.capture('b', 'dx0.101', 'inbound');
    const outside = await wire.capture('b', 'dx0', 'host 192.0.2.1 and not vlan');
    const [{ address: mac }] = JSON.parse(wire.run('b', 'ip', '-json', 'link', 'show', 'dev', 'dx0'));
    wire.run('a', 'ip', 'address', 'add', '192.0.2.1/30', 'dev', 'dx0');
    wire.run('a', 'ip', 'neighbour', 'add', '192.0.2.2', 'lladdr', mac, 'dev', 'dx0');
    expect(wire.reaches('a', '192.0.2.2')).toBe(false);
    await eventually(
      'frames without a tag arrive',
      () => outside.frames.length,
      (count) => count > 0,
    );
    // One with the tag, sent after it and seen, would be seen after it.
    expect(wire.reaches('a', '169.254.10.2')).toBe(true);
    const echoes = () => inside.frames.filter((line) => line.includes('ICMP echo request'));
    const [first] = await eventually('the one with the tag arrives', echoes, ({ length }) => length > 0);
    expect(first).toContain('169.254.10.1');
    expect(inside.frames.filter((line) => line.includes('192.0.2.1'))).toEqual([]);
    for (const each of [inside, outside]) each.close();
  });

  it.each([
    ['segments', 'on'],
    ['neither segments nor checksums', 'off'],
  ])('carries a TCP stream whole where its parent makes %s', async (_, offload) => {
    wire.run('a', 'ethtool', '-K', 'dx0', 'tso', offload, 'gso', offload, 'tx', offload);
    await joinEnds();
    const [sent, received] = await wire.stream('a', 'b', '169.254.10.2', 8 * 1024 * 1024);
    expect(received).toBe(sent);
  });

  it('has the MAC address of its parent', async () => {
    await joinEnds();
    const mac = (device: string) => JSON.parse(wire.run('a', 'ip', '-json', 'link', 'show', 'dev', device))[0].address;
    expect(mac('dx0.101')).toBe(mac('dx0'));
  });

  it('goes on without the agent, and is the same for the next one', async () => {
    await joinEnds();
    const before = left('a');
    const [report] = await wire.driver('a').ensure([vlanLink('a')], none);
    expect(report).toMatchObject({ state: 'up' });
    expect(left('a')).toEqual(before);
    expect(wire.reaches('a', '169.254.10.2')).toBe(true);
  });

  it('is made, found again and taken away with no more capabilities than our unit and its stand-in for VLANs', async () => {
    await joinEnds();
    const confined = () => wire.driver('a', 'a', wire.confined('a', '+bpf'));
    await wire.driver('a').ensure([], none);
    expect(await confined().ensure([vlanLink('a')], none)).toMatchObject([{ state: 'up', reason: null }]);
    expect(await confined().ensure([vlanLink('a')], none)).toMatchObject([{ state: 'up', reason: null }]);
    expect(wire.reaches('a', '169.254.10.2')).toBe(true);
    expect(await confined().ensure([], none)).toEqual([]);
    expect(left('a')).toEqual({ devices: ['dx0', 'lo'], holders: [] });
  });

  it('says which capability is missing, where the kernel has no 802.1Q', async () => {
    const [report] = await wire.driver('a', 'a', wire.confined('a')).ensure([vlanLink('a')], none);
    if (report?.driver === 'kernel-8021q') return;
    expect(report).toMatchObject({ state: 'failed', reason: expect.stringMatching(/give the agent CAP_BPF/) });
  });

  it('leaves nothing when it goes', async () => {
    const before = left('a');
    await joinEnds();
    expect(left('a')).not.toEqual(before);
    await wire.driver('a').ensure([], none);
    expect(left('a')).toEqual(before);
  });

  it('leaves nothing when somebody else took its device away before', async () => {
    const before = left('a');
    const driver = wire.driver('a');
    await driver.ensure([vlanLink('a')], none);
    wire.run('a', 'ip', 'link', 'delete', 'dx0.101');
    await driver.ensure([], none);
    expect(left('a')).toEqual(before);
  });

  it('leaves other filters of its parent alone', async () => {
    wire.run('a', 'tc', 'qdisc', 'add', 'dev', 'dx0', 'clsact');
    const filter = ['dev', 'dx0', 'ingress', 'pref', '7', 'protocol', 'ip', 'u32', 'match', 'u32', '0', '0'];
    wire.run('a', 'tc', 'filter', 'add', ...filter);
    const before = wire.run('a', 'tc', 'filter', 'show', 'dev', 'dx0', 'ingress');
    await joinEnds();
    await wire.driver('a').ensure([], none);
    expect(wire.run('a', 'tc', 'filter', 'show', 'dev', 'dx0', 'ingress')).toBe(before);
  });

  it('changes its tag, its addresses and its MTU when they change', async () => {
    await joinEnds();
    const changed = { id: 102, mtu: 1400 };
    for (const end of ['a', 'b'] as const) await wire.driver(end).ensure([vlanLink(end, changed)], none);
    const [report] = await wire.driver('a').ensure([vlanLink('a', changed)], none);
    expect(report).toMatchObject({ state: 'up', mtu: 1400 });
    expect(wire.reaches('a', 'fd00:10::2')).toBe(true);
    await wire.driver('a').ensure([vlanLink('a', { ...changed, addresses: [] })], none);
    expect(JSON.parse(wire.run('a', 'ip', '-json', '-4', 'address', 'show', 'dev', 'dx0.101'))).toEqual([]);
  });

  it('is refused where another router has the tag on that parent', async () => {
    await joinEnds();
    const other = vlanLink('a', { interfaceName: 'other', attachment: 'other' });
    const [report] = await wire.driver('a', 'second').ensure([other], none);
    expect(report).toMatchObject({
      state: 'failed',
      reason: 'tag 101 is in use on dx0 already, by router a for dx',
    });
    expect(wire.reaches('a', '169.254.10.2')).toBe(true);
  });

  it('is refused where a device that is not ours has its name, and leaves it as it is', async () => {
    wire.run('a', 'ip', 'link', 'add', 'name', 'dx0.101', 'type', 'veth', 'peer', 'name', 'theirs');
    const before = wire.run('a', 'ip', '-json', 'address', 'show', 'dev', 'dx0.101');
    const [report] = await wire.driver('a').ensure([vlanLink('a')], none);
    expect(report).toMatchObject({
      state: 'failed',
      reason: "a device dx0.101 that is not this router's is there already",
    });
    await wire.driver('a').ensure([], none);
    expect(wire.run('a', 'ip', '-json', 'address', 'show', 'dev', 'dx0.101')).toBe(before);
  });

  it('is refused with an MTU that its parent does not have', async () => {
    const [report] = await wire.driver('a').ensure([vlanLink('a', { mtu: 8500 })], none);
    expect(report).toMatchObject({
      state: 'failed',
      reason: 'its MTU of 8500 does not fit its parent dx0, which has 1500',
    });
  });
});

describe('the parent of a VLAN', () => {
  it('takes its carrier along at once when it goes down, and gives it back', async () => {
    await joinEnds();
    const driver = wire.driver('a');
    await driver.ensure([vlanLink('a')], none);
    const watching = driver.watch(() => undefined);
    const carries = () =>
      JSON.parse(wire.run('a', 'ip', '-json', 'link', 'show', 'dev', 'dx0.101'))[0].flags.includes('LOWER_UP');
    expect(carries()).toBe(true);
    // The far end of the cable: carrier loss, not an administrator's doing.
    wire.run('b', 'ip', 'link', 'set', 'dx0', 'down');
    await eventually('it carries no more', carries, (value) => !value);
    const [down] = await driver.ensure([vlanLink('a')], none);
    expect(down).toMatchObject({ state: 'down', reason: 'its parent dx0 has no carrier' });
    wire.run('b', 'ip', 'link', 'set', 'dx0', 'up');
    await driver.ensure([vlanLink('a')], none);
    expect(carries()).toBe(true);
    watching.close();
  });

  it('may be missing, and the VLAN comes up when it appears', async () => {
    await joinEnds();
    const drivers = { a: wire.driver('a'), b: wire.driver('b') };
    wire.run('a', 'ip', 'link', 'delete', 'dx0');
    const [missing] = await drivers.a.ensure([vlanLink('a')], none);
    expect(missing).toMatchObject({ state: 'down', reason: 'its parent dx0 is not there' });
    wire.cable();
    for (const end of ['a', 'b'] as const) await drivers[end].ensure([vlanLink(end)], none);
    expect(wire.reaches('a', '169.254.10.2')).toBe(true);
    expect(wire.reaches('a', 'fd00:10::2')).toBe(true);
  });
});
