/**
 * Two routers that share the state of connections: pinned paths, and traffic under way through all that may befall one.
 *
 * The tests go in the order of the file, on one lab: the last one leaves a router dead.
 */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { explainRows } from '../../lab/checks/explain.ts';
import { type DisruptionOutcome, runDisruption } from '../../lab/disruption.ts';
import { type Disturbance, disturb, planned, titles } from '../../lab/disturbances.ts';
import { loadLab, openLab, type RunningLab } from '../../lab/harness.ts';
import { causewayProgram, packageRoot } from '../../lab/package-root.ts';
import {
  isAsExpected,
  renderPackets,
  renderPaths,
  renderRouteChecks,
  renderSessions,
} from '../../lab/report/report.ts';
import { createPaint } from '../../lab/report/table.ts';

const plain = createPaint(false);
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

describe('two routers', () => {
  it('have their sessions, and the routes of the router that each Site prefers', async () => {
    const sessions = await lab.sessions();
    expect(
      sessions.filter((row) => !row.passed),
      renderSessions(sessions, plain),
    ).toEqual([]);
    const routes = await lab.routes();
    expect(
      routes.filter((row) => !row.passed),
      renderRouteChecks(routes, plain),
    ).toEqual([]);
  });

  it('let through what policy allows, as `explain packet` foretells', async () => {
    const rows = await lab.packets();
    const { decisions, failure } = await explainRows(lab.lab, lab.sandbox, rows);
    expect(failure).toBeUndefined();
    const wrong = rows.filter((row, index) => !isAsExpected(row, decisions[index]));
    expect(wrong, renderPackets(rows, decisions, plain)).toEqual([]);
  });

  it('forward both directions of a flow by the same routers', async () => {
    const rows = await lab.paths();
    expect(rows.length).toBeGreaterThan(0);
    expect(
      rows.filter((row) => !row.passed),
      renderPaths(rows, plain),
    ).toEqual([]);
  });

  it.each(planned.map((what) => [titles[what], what] as const))('lose nothing when tr1 has %s', async (_, what) => {
    const outcome = await befall(what);
    expect(outcome.streams.map(({ flow, lost }) => [flow, lost])).toEqual(outcome.streams.map(({ flow }) => [flow, 0]));
    expect(outcome.transfers.filter(({ fault }) => fault !== undefined)).toEqual([]);
    await expect(lab.paths()).resolves.toSatisfy((rows: readonly { passed: boolean }[]) =>
      rows.every((row) => row.passed),
    );
  });

  it('carry every stream and every connection on when tr1 is killed', async () => {
    const outcome = await befall('power');
    expect(outcome.streams.filter(({ recovered }) => !recovered)).toEqual([]);
    expect(outcome.transfers.filter(({ fault }) => fault !== undefined)).toEqual([]);
  });
});
