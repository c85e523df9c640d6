/**
 * The hybrid example with everything real: agents, BIRD, FRR, nftables, TCP and UDP.
 *
 * The tests go in the order of the file, on one lab: what is broken by one stays broken for the next.
 */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { explainRows } from '../../lab/checks/explain.ts';
import { eventually } from '../../lab/eventually.ts';
import { blocked, expectAll, reach, route } from '../../lab/expectations.ts';
import { listDeeds, measureDeed } from '../../lab/failover.ts';
import { loadLab, openLab, type RunningLab } from '../../lab/harness.ts';
import { leakedMounts, processesOf, readHostState } from '../../lab/host-state.ts';
import { causewayProgram, packageRoot } from '../../lab/package-root.ts';
import {
  isAsExpected,
  renderFailover,
  renderPackets,
  renderRouteChecks,
  renderSessions,
} from '../../lab/report/report.ts';
import { createPaint } from '../../lab/report/table.ts';
import { isRunning } from '../../lab/sandbox/sandbox.ts';

const plain = createPaint(false);
let before: Readonly<Record<string, string>>;
let lab: RunningLab;

beforeAll(async () => {
  execFileSync(causewayProgram(), ['version']);
  before = readHostState();
  lab = await openLab(loadLab(`${packageRoot()}/examples/hybrid`));
});

afterAll(async () => {
  await lab?.down();
});

describe('the hybrid example', () => {
  it('has every BGP session established, with FRR and with the clusters', async () => {
    const rows = await lab.sessions();
    expect(
      rows.filter((row) => !row.passed),
      renderSessions(rows, plain),
    ).toEqual([]);
  });

  it('has the routes in the kernels, and none where a filter, a Site or a Segment says so', async () => {
    const rows = await lab.routes();
    expect(
      rows.filter((row) => !row.passed),
      renderRouteChecks(rows, plain),
    ).toEqual([]);
  });

  it('lets through what policy allows and nothing else, as `explain packet` foretells', async () => {
    const rows = await lab.packets();
    const { decisions, failure } = await explainRows(lab.lab, lab.sandbox, rows);
    expect(failure).toBeUndefined();
    const wrong = rows.filter((row, index) => !isAsExpected(row, decisions[index]));
    expect(wrong, renderPackets(rows, decisions, plain)).toEqual([]);
  });

  it('names a rule or a default for every packet that meets a router', async () => {
    const rows = (await lab.packets()).filter(({ check }) => check.from !== 'web-b' || check.to !== 'catalog-b');
    const { decisions } = await explainRows(lab.lab, lab.sandbox, rows);
    expect(decisions.map((decision) => decision?.decidedBy ?? '').filter((text) => text === '')).toEqual([]);
  });

  it('follows a label within a second, for new connections', async () => {
    const relabel = (app: string) =>
      lab.causeway(['label', 'wep', 'a--node2-k8s-batch--a-eth0', '-n', 'shop', `app=${app}`, '--overwrite']);
    await expectAll(lab, [blocked('batch-a', 'db1', 'tcp/5432')]);
    expect(await relabel('web')).toMatchObject({ code: 0 });
    await expectAll(lab, [reach('batch-a', 'db1', 'tcp/5432')], 3_000);
    expect(await relabel('batch')).toMatchObject({ code: 0 });
    await expectAll(lab, [blocked('batch-a', 'db1', 'tcp/5432'), reach('web-a', 'db1', 'tcp/5432')], 3_000);
  });

  it('goes on over tr2 when tr1 dies, with seconds of loss', async () => {
    for (const deed of listDeeds(lab)) {
      const outcome = await measureDeed(lab, deed);
      expect(outcome.passed, renderFailover(outcome, plain)).toBe(true);
      // Hold time is three seconds; the rest is for a busy machine.
      for (const stream of outcome.streams) expect(stream.seconds).toBeLessThan(10);
    }
    await expectAll(lab, [
      route('tr2', '10.10.0.0/16', 'dc'),
      reach('web-a', 'db1', 'tcp/5432'),
      blocked('batch-a', 'db1', 'tcp/5432'),
      blocked('web-a', 'web-b', 'tcp/8080'),
    ]);
  });

  it('leaves nothing behind, and has not touched the host', async () => {
    const pids = processesOf(lab.sandbox);
    expect(pids.length).toBeGreaterThan(20);
    await lab.down();
    expect(pids.filter(isRunning)).toEqual([]);
    expect(leakedMounts()).toEqual([]);
    const after = await eventually(readHostState, (state) => JSON.stringify(state) === JSON.stringify(before), {
      within: 10_000,
    });
    expect(after).toEqual(before);
  });
});
