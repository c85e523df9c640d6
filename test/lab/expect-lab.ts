/** A lab as its file says that it must be; or, on failure, a table of what is not so. */
import { expect } from 'vitest';
import { type Decision, explainRows } from '../../lab/checks/explain.ts';
import type { RunningLab } from '../../lab/harness.ts';
import {
  isAsExpected,
  renderLinks,
  renderPackets,
  renderPaths,
  renderRouteChecks,
  renderSessions,
} from '../../lab/report/report.ts';
import { createPaint } from '../../lab/report/table.ts';

const plain = createPaint(false);

function expectPassed<Row extends { readonly passed: boolean }>(
  rows: readonly Row[],
  render: (rows: readonly Row[], paint: typeof plain) => string,
): void {
  expect(rows.length).toBeGreaterThan(0);
  expect(
    rows.filter((row) => !row.passed),
    render(rows, plain),
  ).toEqual([]);
}

/** `within` in ms. */
export async function expectSessions(lab: RunningLab, within = 60_000): Promise<void> {
  expectPassed(await lab.sessions(within), renderSessions);
}

export async function expectRoutes(lab: RunningLab): Promise<void> {
  expectPassed(await lab.routes(), renderRouteChecks);
}

export async function expectLinks(lab: RunningLab): Promise<void> {
  expectPassed(await lab.links(), renderLinks);
}

/** Every session established, every route in the kernels: as it is while nothing is broken. */
export async function expectWhole(lab: RunningLab): Promise<void> {
  await expectSessions(lab);
  await expectRoutes(lab);
}

/** Both directions of a flow pass the routers that they shall. */
export async function expectPaths(lab: RunningLab): Promise<void> {
  expectPassed(await lab.paths(), renderPaths);
}

/** What passes is what the file says and what `explain packet` foretells; what it said of each packet. */
export async function expectPackets(lab: RunningLab): Promise<readonly (Decision | undefined)[]> {
  const rows = await lab.packets();
  const { decisions, failure } = await explainRows(lab.lab, lab.sandbox, rows);
  expect(failure).toBeUndefined();
  const wrong = rows.filter((row, index) => !isAsExpected(row, decisions[index]));
  expect(wrong, renderPackets(rows, decisions, plain)).toEqual([]);
  return decisions;
}
