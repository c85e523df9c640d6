/**
 * Two routers that share the state of connections: pinned paths, and traffic under way through all that may befall one.
 *
 * The tests go in the order of the file, on one lab: each mends what it broke.
 */
import { execFileSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DisruptionOutcome, runDisruption } from '../../lab/disruption.ts';
import { accidents, type Disturbance, disturb, mend, planned, titles } from '../../lab/disturbances.ts';
import { loadLab, openLab, type RunningLab } from '../../lab/harness.ts';
import { printMoved, readLossCounters } from '../../lab/loss-counters.ts';
import { causewayProgram, packageRoot } from '../../lab/package-root.ts';
import { expectPackets, expectPaths, expectWhole } from './expect-lab.ts';

let lab: RunningLab;

beforeAll(async () => {
  execFileSync(causewayProgram(), ['version']);
  lab = await openLab(loadLab(`${packageRoot()}/examples/two-routers`));
});

afterAll(async () => {
  await lab?.down();
});

const streams = [
  { from: 'web-a', to: 'db1', port: 'udp/514' },
  { from: 'web-b', to: 'db1', port: 'udp/514' },
];
const transfers = [
  { from: 'web-a', to: 'db1', port: 'tcp/5432' },
  { from: 'db1', to: 'web-b', port: 'tcp/8080' },
];
const befall = (what: Disturbance): Promise<DisruptionOutcome> =>
  runDisruption(lab, { streams, transfers, disturb: () => disturb(lab, 'tr1', what) });
const broken = ({ streams, transfers }: DisruptionOutcome) => [
  ...streams.filter(({ recovered }) => !recovered),
  ...transfers.filter(({ fault }) => fault !== undefined),
];

describe('two routers', () => {
  it('have their sessions, and the routes of the router that each Site prefers', async () => {
    await expectWhole(lab);
  });

  it('let through what policy allows, as `explain packet` foretells', async () => {
    await expectPackets(lab);
  });

  it('say which rule a packet was lost to, among all counters of all kernels', async () => {
    const before = await readLossCounters(lab.lab, lab.sandbox);
    await expectPackets(lab);
    const moved = printMoved(before, await readLossCounters(lab.lab, lab.sandbox));
    expect(moved.join('\n')).toMatch(/^tr1 .*deny.*: \d+ → \d+$/m);
  });

  it('forward both directions of a flow by the same routers', async () => {
    await expectPaths(lab);
  });

  it.each(planned.map((what) => [titles[what], what] as const))('lose nothing when tr1 %s', async (_, what) => {
    const outcome = await befall(what);
    const lossy = outcome.streams.filter(({ lost }) => lost > 0);
    const told = lossy.length === 0 ? '' : `evidence is in ${await lab.evidence()}\n${outcome.moved.join('\n')}`;
    await mend(lab, 'tr1', what);
    expect(lossy, told).toEqual([]);
    expect(broken(outcome)).toEqual([]);
    await expectPaths(lab);
  });

  it.each(accidents.map((what) => [titles[what], what] as const))(
    'carry all traffic on when tr1 %s',
    async (_, what) => {
      expect(broken(await befall(what))).toEqual([]);
      await mend(lab, 'tr1', what);
      await expectPaths(lab);
    },
  );

  it('carry it on over a router that died, came back with an empty memory, and lost its sister', async () => {
    const outcome = await runDisruption(lab, {
      streams,
      transfers,
      disturb: async () => {
        await lab.cutPower('tr1');
        await pause(3_500); // longer than BFD, and than TCP's first attempts
        await mend(lab, 'tr1', 'power');
        await lab.cutPower('tr2');
      },
    });
    expect(broken(outcome)).toEqual([]);
    await mend(lab, 'tr2', 'power');
    await expectPaths(lab);
  });
});
