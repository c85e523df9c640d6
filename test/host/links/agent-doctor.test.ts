/** What `causeway doctor` says of the links of a running router, whose packets really pass or vanish. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../../src/edge/finding.ts';
import { checkLinks } from '../../../src/edge/links/link-checks.ts';
import { type Machine, openMachine } from '../agent/agent-machine.ts';
import { joinHosts, type RoutedHosts } from '../explain/routed-hosts.ts';

const resources = (mtu = '') => `
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: gw }
spec: { asNumber: 64520 }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: left }
spec: { type: vpc, prefixes: [10.50.0.0/16] }
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: left }
spec:
  router: gw
  site: left
  link: { interface: { name: eth0 } }
  addresses: { local: [10.0.255.1/24, "fd00:0::1/64"], remote: [10.0.255.2, "fd00:0::2"] }
  static: { prefixes: [10.50.0.0/16] }
  ${mtu}
`;

describe('doctor', () => {
  let machine: Machine;
  let hosts: RoutedHosts;
  const findings = (): readonly Finding[] =>
    JSON.parse(machine.causeway('doctor', '-o', 'json').stdout) as readonly Finding[];
  const ofPath = () =>
    findings()
      .filter(({ check }) => check === 'path eth0')
      .map(({ result, found }) => `${result}: ${found}`);

  beforeAll(async () => {
    machine = openMachine('doctor');
    hosts = joinHosts(machine);
    machine.apply(resources());
    machine.startAgent('gw');
    await machine.until('gw', ({ links }) => links.some(({ state }) => state === 'up'));
  });
  afterAll(() => {
    hosts.close();
    machine.close();
  });

  it('says which drivers there are, and what stands in for those that the kernel lacks', () => {
    const drivers = findings().filter(({ check }) => check.endsWith(' driver'));
    expect(drivers.map(({ check }) => check)).toEqual(['VLAN driver', 'IPsec driver', 'WireGuard driver']);
    for (const { result, found } of drivers) {
      expect(`${result}: ${found}`).toMatch(
        /^fine: (of the kernel$|not in this kernel, and no link needs it; for one that does, )/,
      );
    }
  });

  it('warns of a driver that the kernel lacks where a link is in need of it', async () => {
    const link = { attachment: 'dx', interfaceName: 'dx', driver: null, reason: 'a reason', mtu: null, remotes: [] };
    const down = (['vlan', 'ipsec', 'wireguard'] as const).map((kind) => ({ ...link, kind, state: 'down' as const }));
    const drivers = (await checkLinks(down)).filter(({ check }) => check.endsWith(' driver'));
    expect(drivers).toHaveLength(3);
    for (const { result, found } of drivers) {
      expect(`${result}: ${found}`).toMatch(/^(fine: of the kernel|warning: not in this kernel: .*, which is slower)$/);
    }
  });

  it('looks for what stands in where the kernel has no driver, and for nothing else', () => {
    const all = findings();
    const isLacking = (driver: string) => all.find(({ check }) => check === driver)?.found !== 'of the kernel';
    const needs = (
      [
        ['IPsec driver', 'TUN device of ipsec'],
        ['VLAN driver', 'tc'],
        ['WireGuard driver', 'wireguard-go'],
        ['WireGuard driver', 'inotify instances'],
        ['WireGuard driver', 'TUN device of wireguard'],
      ] as const
    ).filter(([driver]) => isLacking(driver));
    const named = ['tc', 'wireguard-go', 'inotify instances', 'TUN device of ipsec', 'TUN device of wireguard'];
    const found = all.filter(({ check }) => named.includes(check)).map(({ check }) => check);
    expect(found.toSorted()).toEqual(needs.map(([, need]) => need).toSorted());
  });

  it('finds a link that is up, and that its path carries whole packets of both families', () => {
    const link = findings().find(({ check }) => check === 'link eth0');
    expect(link).toMatchObject({ result: 'fine', found: 'interface of Attachment left by device, up' });
    expect(ofPath()).toEqual(['fine: 1500 bytes reach 10.0.255.2', 'fine: 1500 bytes reach fd00::2']);
  });

  it('passes by a failsafe of the link, which policy shows and counts, and a live trace finds', () => {
    const shown = machine.causeway('policy', '--router', 'gw').stdout;
    expect(shown).toMatch(/^out to +10\.0\.255\.2\/32 +eth0 +icmp echo requests +doctor of Attachment left$/m);
    expect(shown).toMatch(/^in from +anybody +any +tcp\/22 +ssh$/m);
    const counted = machine.causeway('policy', '--router', 'gw', '--counters').stdout;
    expect(counted).toMatch(/^failsafe outbound: doctor of Attachment left +[1-9]\d* +[1-9]\d*$/m);
    for (const [source, remote, protocol] of [
      ['10.0.255.1', '10.0.255.2', 'icmp'],
      ['fd00:0::1', 'fd00:0::2', 'icmpv6'],
    ] as const) {
      const packet = ['--local', 'out', '--out', 'eth0', '--src', source, '--dst', remote, '--protocol', protocol];
      const live = ['--live', '--send', '--wait', '5', '-o', 'json'];
      const traced = JSON.parse(machine.causeway('explain', 'packet', '--router', 'gw', ...packet, ...live).stdout);
      expect(traced).toMatchObject({
        kernel: { comment: 'failsafe outbound: doctor of Attachment left' },
        live: { observed: { verdict: 'accept' }, equal: true, sameRule: true },
      });
    }
  });

  it('finds the black hole that swallows large packets, to the byte', () => {
    // The far end of a veth pair drops, without a word, what is larger than it takes.
    hosts.run('left', 'ip', 'link', 'set', 'far0', 'mtu', '1400');
    const vanish = (bytes: number, remote: string) =>
      `error: packets of more than ${bytes} bytes to ${remote} vanish; the device lets 1500 pass`;
    // That end lets a frame have a VLAN tag more than it says.
    expect(ofPath()).toEqual([vanish(1404, '10.0.255.2'), vanish(1404, 'fd00::2')]);
  });

  it('finds nothing amiss once the device is given the MTU that it names', async () => {
    machine.apply(resources('mtu: 1404'));
    const status = await machine.until('gw', ({ links }) => links[0]?.mtu === 1404);
    expect(status?.links[0]).toMatchObject({ interfaceName: 'eth0', driver: 'device', state: 'up', mtu: 1404 });
    expect(machine.must('ip', 'link', 'show', 'eth0')).toContain(' mtu 1404 ');
    expect(ofPath()).toEqual(['fine: 1404 bytes reach 10.0.255.2', 'fine: 1404 bytes reach fd00::2']);
  });

  it('finds a device that is gone, and who is to bring it back', async () => {
    machine.must('ip', 'link', 'del', 'eth0');
    await machine.until('gw', ({ links }) => links[0]?.state === 'failed');
    expect(findings().find(({ check }) => check === 'link eth0')).toMatchObject({
      result: 'error',
      fix: 'there is no device eth0: it is to be made outside Causeway',
    });
    expect(machine.causeway('status').stdout).toMatch(
      /^Warning: +link eth0 of Attachment left failed: there is no device eth0/m,
    );
  });

  it('has nothing to warn of once the device is back', async () => {
    machine.must('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'other0');
    for (const name of ['eth0', 'other0']) machine.must('ip', 'link', 'set', name, 'up');
    const status = await machine.until('gw', ({ links }) => links[0]?.state === 'up');
    expect(status?.warnings.filter((text) => text.startsWith('link '))).toEqual([]);
  });
});
