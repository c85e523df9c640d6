/**
 * One router in both roles: a VLAN to Direct Connect, four tunnels to another router (two of them inside of IPv6) and a plain
 * subnet, in both families.
 */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probe } from '../../lab/checks/packets.ts';
import { eventually } from '../../lab/eventually.ts';
import { expectAll, reach, route } from '../../lab/expectations.ts';
import { loadLab, openLab, type RunningLab } from '../../lab/harness.ts';
import { causewayProgram, packageRoot } from '../../lab/package-root.ts';
import { mustRun } from '../../lab/sandbox/run.ts';
import { addressFor } from '../../lab/topology/wiring.ts';
import { expectPackets, expectPaths, expectWhole } from './expect-lab.ts';

let lab: RunningLab;

beforeAll(async () => {
  execFileSync(causewayProgram(), ['version']);
  lab = await openLab(loadLab(`${packageRoot()}/test/lab/fixtures/both`));
});

afterAll(async () => {
  await lab?.down();
});

describe('a router in a data center and of a cloud', () => {
  it('has its sessions and routes over all of them, in both families', () => expectWhole(lab));

  it('says that all links are up, and where their peers are', async () => {
    const { stdout } = await lab.causeway(['status', '--router', 'r1']);
    expect(stdout).toMatch(/Links: +6 of 6 up/);
    expect(stdout).toMatch(/to-r2-4 .* up .*2001:db8:51::2/);
  });

  it('passes what its policy lets pass between them, and nothing else', async () => {
    await expectPackets(lab);
    await expectPaths(lab);
  });
});

describe('four tunnels of one Attachment', () => {
  const flows = 64;
  const ends = { r2: 'to-r1', r1: 'to-r2' } as const;

  /** Packets sent by each tunnel of a router. */
  async function readSent(router: keyof typeof ends): Promise<readonly number[]> {
    const text = await mustRun(lab.sandbox, ['ip', '-json', '-statistics', 'link', 'show'], { node: router });
    const links = JSON.parse(text) as { ifname: string; stats64: { tx: { packets: number } } }[];
    return [1, 2, 3, 4].map(
      (tunnel) => links.find(({ ifname }) => ifname === `${ends[router]}-${tunnel}`)?.stats64.tx.packets ?? 0,
    );
  }

  it.each([4, 6] as const)('share the flows of one host to another among them, both ways (IPv%i)', async (family) => {
    const address = addressFor(lab.lab, 'far1', 'vpc1', family) ?? '';
    const before = { r1: await readSent('r1'), r2: await readSent('r2') };
    const answers = await Promise.all(
      Array.from({ length: flows }, () => probe(lab.endpoints, 'far1', address, 'udp/9000')),
    );
    expect(answers.filter(({ answered }) => !answered)).toEqual([]);
    for (const router of ['r2', 'r1'] as const) {
      const after = await readSent(router);
      const sent = after.map((packets, tunnel) => packets - (before[router][tunnel] ?? 0));
      expect(
        sent.filter((packets) => packets < flows / 16),
        `${router} sent ${sent}`,
      ).toEqual([]);
    }
  });

  it('are three when the packets of one vanish, and four again', async () => {
    const both = (...via: readonly string[]) => [
      route('r2', '10.20.0.0/16', ...via),
      route('r2', '2001:db8:20::/48', ...via),
    ];
    const cut = 'table inet lab_cut { chain lost { type filter hook prerouting priority raw; udp sport 4502 drop; }; }';
    await mustRun(lab.sandbox, ['nft', '-f', '-'], { node: 'r2', input: cut });
    await expectAll(lab, [...both('r1', 'r1', 'r1'), reach('far1', 'vpc1', 'udp/9000')]);
    await mustRun(lab.sandbox, ['nft', 'delete table inet lab_cut'], { node: 'r2' });
    await expectAll(lab, [...both('r1', 'r1', 'r1', 'r1'), reach('far1', 'vpc1', 'udp/9000')]);
  });
});

describe('packets larger than a tunnel', () => {
  const ping = (family: 4 | 6, ...options: readonly string[]) =>
    lab.exec('far1', ['ping', `-${family}`, '-W', '2', ...options, addressFor(lab.lab, 'far1', 'vpc1', family) ?? '']);

  it.each([4, 6] as const)(
    'are refused by the router with the size that fits (RFC 1191, RFC 8201; IPv%i)',
    async (family) => {
      const { stdout } = await ping(family, '-c', '1', '-M', 'do', '-s', '1440');
      expect(stdout).toMatch(/mtu ?= ?1400/);
    },
  );

  it.each([4, 6] as const)('pass in fragments (IPv%i)', async (family) => {
    // Of IPv6 both ends fragment, and each learns the size by a packet that is lost.
    const answer = await eventually(
      () => ping(family, '-c', '1', '-M', 'dont', '-s', '4000'),
      ({ code }) => code === 0,
    );
    expect(answer.stdout).toContain(' 1 received');
  });
});
