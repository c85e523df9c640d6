/** A lab as it is while nothing is broken: every session established, every route in the kernels; or a table of what is missing. */
import { expect } from 'vitest';
import type { RunningLab } from '../../lab/harness.ts';
import { renderRouteChecks, renderSessions } from '../../lab/report/report.ts';
import { createPaint } from '../../lab/report/table.ts';

const plain = createPaint(false);

export async function expectWhole(lab: RunningLab): Promise<void> {
  const sessions = await lab.sessions(60_000);
  expect(
    sessions.filter((row) => !row.passed),
    renderSessions(sessions, plain),
  ).toEqual([]);
  const routes = await lab.routes();
  expect(
    routes.filter((row) => !row.passed),
    renderRouteChecks(routes, plain),
  ).toEqual([]);
}
