/**
 * A data center on Direct Connect with a VPN behind it, and a spoke that has nothing but VPN tunnels.
 *
 * The tests go in the order of the file, on one lab: each mends what it broke.
 */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDisruption } from '../../lab/disruption.ts';
import { eventually } from '../../lab/eventually.ts';
import { listDeeds, measureDeed } from '../../lab/failover.ts';
import { loadLab, openLab, type RunningLab } from '../../lab/harness.ts';
import { causewayProgram, packageRoot } from '../../lab/package-root.ts';
import { renderFailover } from '../../lab/report/report.ts';
import { createPaint } from '../../lab/report/table.ts';
import { expectPackets, expectPaths, expectWhole } from './expect-lab.ts';

const plain = createPaint(false);
let lab: RunningLab;

beforeAll(async () => {
  execFileSync(causewayProgram(), ['version']);
  lab = await openLab(loadLab(`${packageRoot()}/examples/links`));
});

afterAll(async () => {
  await lab?.down();
});

describe('a data center on Direct Connect', () => {
  it('has its sessions and routes over the VLAN and over all tunnels', () => expectWhole(lab));

  it('says of each link what carries it, and that it is up', async () => {
    const status = await lab.causeway(['status', '--router', 'hub1']);
    expect(status.stdout).toMatch(/Links: +4 of 4 up/);
  });

  it('reaches the spoke, and the spoke reaches it, as `explain packet` foretells', async () => {
    expect(await expectPackets(lab)).not.toContain(undefined);
    await expectPaths(lab);
  });

  it('goes on by the VPN when Direct Connect is cut, and back when it is mended', async () => {
    for (const deed of listDeeds(lab)) {
      const outcome = await measureDeed(lab, deed);
      expect(outcome.passed, `${deed.what}\n${renderFailover(outcome, plain)}`).toBe(true);
    }
    await expectWhole(lab);
  });

  it('goes on by the other tunnel of the spoke when one is lost', async () => {
    const outcome = await runDisruption(lab, {
      streams: [{ from: 'db1', to: 'app1', port: 'udp/9000' }],
      // TCP's pauses double: after the half minute that the gateway needs, a connection would wait another.
      transfers: [],
      disturb: async () => {
        await lab.exec('vgw-end-1', ['ip', 'link', 'set', 'eth0', 'down']);
        const returns = await eventually(
          () => lab.exec('vgw', ['ip', 'route', 'show', '10.10.0.0/16']),
          ({ stdout }) => stdout.includes('dev tun2'),
          { within: 60_000 },
        );
        expect(returns.stdout).toContain('dev tun2');
      },
    });
    expect(outcome.streams.map(({ recovered }) => recovered)).toEqual([true]);
    await lab.exec('vgw-end-1', ['ip', 'link', 'set', 'eth0', 'up']);
    await expectWhole(lab);
  });
});
