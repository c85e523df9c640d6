/**
 * All checks of a lab in order of dependence, printed as they come out.
 *
 *   links → sessions → routes → packets and the rules that decide → the routers they pass → failover
 *
 * Invariant: each step is shown whether it holds or not; a later one is still tried, since what works says where the
 * fault is.
 */
import { mapLimited } from '../eventually.ts';
import { listDeeds, measureDeed } from '../failover.ts';
import type { RunningLab } from '../harness.ts';
import {
  isAsExpected,
  renderFailover,
  renderKernelTables,
  renderLinks,
  renderPackets,
  renderPaths,
  renderRouteChecks,
  renderSessions,
} from '../report/report.ts';
import type { Paint } from '../report/table.ts';
import { explainRows } from './explain.ts';
import { readOwners, readRoutes } from './routes.ts';

export interface Printer {
  readonly paint: Paint;
  title(text: string): void;
  text(text: string): void;
}

/** True when everything is as the lab file expects. */
export async function checkLab(running: RunningLab, out: Printer): Promise<boolean> {
  const results = [
    await checkLinks(running, out),
    await checkSessions(running, out),
    await checkRoutes(running, out),
    await checkPackets(running, out),
    await checkPaths(running, out),
  ];
  return results.every(Boolean);
}

async function checkLinks(running: RunningLab, out: Printer): Promise<boolean> {
  const rows = await running.links();
  const made = rows.filter(({ kind, passed }) => kind !== 'interface' || !passed);
  if (made.length === 0) return true;
  out.title('Links that the routers make, as they read them back');
  out.text(renderLinks(made, out.paint));
  return rows.every((row) => row.passed);
}

async function checkSessions(running: RunningLab, out: Printer): Promise<boolean> {
  if (Object.keys(running.lab.spec.checks.sessions).length === 0) return true;
  const rows = await running.sessions();
  out.title('BGP sessions');
  out.text(renderSessions(rows, out.paint));
  return rows.every((row) => row.passed);
}

const speaksBgp: readonly string[] = ['router', 'frr', 'bird', 'bird-router'];

async function checkRoutes(running: RunningLab, out: Printer): Promise<boolean> {
  const { lab, sandbox } = running;
  const rows = await running.routes();
  const owners = await readOwners(lab, sandbox);
  const forwarders = Object.entries(lab.spec.nodes).filter(([, { type }]) => speaksBgp.includes(type));
  if (forwarders.length > 0) {
    const tables = await mapLimited(forwarders, 2, async ([node]) => [node, await readRoutes(sandbox, node)] as const);
    out.title('Routes in every kernel, by next hop');
    out.text(renderKernelTables(new Map(tables), owners, out.paint));
  }
  if (rows.length === 0) return true;
  out.title('Routes as expected, and none where there must be none');
  out.text(renderRouteChecks(rows, out.paint));
  return rows.every((row) => row.passed);
}

async function checkPackets(running: RunningLab, out: Printer): Promise<boolean> {
  const rows = await running.packets();
  const { decisions, failure } = await explainRows(running.lab, running.sandbox, rows);
  out.title('Who reaches whom: real connections and datagrams, and the rule that decides');
  out.text(renderPackets(rows, decisions, out.paint));
  if (failure !== undefined) out.text(`  ${out.paint('red', failure)}`);
  return failure === undefined && rows.every((row, index) => isAsExpected(row, decisions[index]));
}

async function checkPaths(running: RunningLab, out: Printer): Promise<boolean> {
  if (running.lab.spec.checks.paths.length === 0) return true;
  const rows = await running.paths();
  out.title('Routers that forwarded a probe and its answer');
  out.text(renderPaths(rows, out.paint));
  return rows.every((row) => row.passed);
}

/** Kills or cuts what the lab file says, and reports what that cost. */
export async function checkFailover(running: RunningLab, out: Printer): Promise<boolean> {
  for (const deed of listDeeds(running)) {
    out.title(`${deed.what}, while traffic flows`);
    const outcome = await measureDeed(running, deed);
    out.text(renderFailover(outcome, out.paint));
    const worst = Math.max(...outcome.streams.map((stream) => stream.seconds));
    out.text(`  ${out.paint('bold', `${worst.toFixed(1)} seconds of loss at worst`)}`);
    if (!outcome.passed) return false;
  }
  return true;
}
