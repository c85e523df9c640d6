/**
 * What a lab's checks found, as tables for a terminal.
 *
 *   LinkRow[], SessionRow[], RouteRow[], PacketRow[] + Decision[], FailoverOutcome ─[render…]→ text
 */
import type { Decision } from '../checks/explain.ts';
import type { LinkRow } from '../checks/links.ts';
import type { PacketRow } from '../checks/packets.ts';
import type { PathRow } from '../checks/paths.ts';
import type { LabRoute, Owners, RouteRow } from '../checks/routes.ts';
import type { SessionRow } from '../checks/sessions.ts';
import type { FailoverOutcome } from '../failover.ts';
import { mark, type Paint, renderTable } from './table.ts';

export function renderLinks(rows: readonly LinkRow[], paint: Paint): string {
  const cells = rows.map(({ router, interfaceName, attachment, kind, driver, mtu, state, reason, passed }) => [
    router,
    interfaceName,
    attachment,
    kind,
    driver ?? '-',
    mtu === null ? '-' : String(mtu),
    passed ? state : paint('red', `${state}: ${reason ?? 'no reason given'}`),
    mark(passed, paint),
  ]);
  return renderTable(['on', 'device', 'Attachment', 'kind', 'carried by', 'MTU', 'state', ''], cells, paint);
}

export function renderSessions(rows: readonly SessionRow[], paint: Paint): string {
  const cells = rows.map(({ node, expected, sessions, passed }) => {
    const up = sessions.filter((session) => session.isEstablished);
    const byAs = new Map<number, number>();
    for (const { remoteAs } of up) byAs.set(remoteAs, (byAs.get(remoteAs) ?? 0) + 1);
    const peers = [...byAs].sort(([a], [b]) => a - b).map(([as, count]) => `${count} × AS ${as}`);
    const down = sessions.filter((session) => !session.isEstablished).map((s) => `${s.neighbor} ${s.state}`);
    const seen = [...peers, ...down.map((text) => paint('red', text))].join(', ');
    return [node, `${up.length} of ${expected}`, seen, mark(passed, paint)];
  });
  return renderTable(['node', 'established', 'with', ''], cells, paint);
}

/**
 * Every kernel's routes side by side: a row per prefix that anyone learned, a column per node, next hops as nodes. `own` is
 * a node's own block; a node that has no route for a prefix has a dot.
 */
export function renderKernelTables(
  tables: ReadonlyMap<string, readonly LabRoute[]>,
  owners: Owners,
  paint: Paint,
): string {
  const learned = [...tables.values()]
    .flat()
    .filter((route) => route.nextHops.some((hop) => hop.gateway !== undefined));
  const prefixes = [4, 6].flatMap((family) => [
    ...new Set(learned.filter((route) => route.family === family).map((route) => route.prefix)),
  ]);
  const cell = (routes: readonly LabRoute[], prefix: string): string => {
    const hops = routes.filter((route) => route.prefix === prefix).flatMap((route) => route.nextHops);
    if (hops.length === 0) return paint('dim', '·');
    return hops
      .map((hop) => (hop.gateway === undefined ? 'own' : (owners.get(hop.gateway) ?? hop.gateway)))
      .join(' + ');
  };
  const rows = prefixes.map((prefix) => [prefix, ...[...tables.values()].map((routes) => cell(routes, prefix))]);
  return renderTable(['prefix', ...tables.keys()], rows, paint);
}

export function renderRouteChecks(rows: readonly RouteRow[], paint: Paint): string {
  const list = (nodes: readonly string[], devices: readonly string[] = []): string => {
    const on = devices.length === 0 ? '' : ` (${devices.join(', ')})`;
    return nodes.length === 0 ? 'no route' : `${nodes.join(' + ')}${on}`;
  };
  const cells = rows.map(({ check, via, by, passed }) => [
    check.on,
    check.prefix,
    list(check.via, check.by),
    list(via, check.by === undefined ? [] : by),
    paint('dim', check.why),
    mark(passed, paint),
  ]);
  return renderTable(['on', 'prefix', 'expected via', 'observed via', 'why', ''], cells, paint);
}

/** One line per check: IPv4 and IPv6 side by side, and the rule that decided about the first. */
export function renderPackets(
  rows: readonly PacketRow[],
  decisions: readonly (Decision | undefined)[],
  paint: Paint,
): string {
  const lines = new Map<PacketRow['check'], { row: PacketRow; decision: Decision | undefined }[]>();
  for (const [index, row] of rows.entries()) {
    const line = lines.get(row.check) ?? [];
    line.push({ row, decision: decisions[index] });
    lines.set(row.check, line);
  }
  const cells = [...lines].map(([check, pair]) => {
    const of = (family: 4 | 6) => pair.find(({ row }) => row.family === family);
    const decision = of(4)?.decision ?? of(6)?.decision;
    const passed = pair.every((one) => isAsExpected(one.row, one.decision));
    const observed = ([4, 6] as const).map((family) => paintVerdict(of(family)?.row.observed ?? '-', paint));
    const decidedBy = decision ? [decision.decidedBy, paint('dim', decision.where)].join(' ') : 'not through a router';
    return [check.from, check.to, check.port, check.expect, ...observed, decidedBy, mark(passed, paint)];
  });
  return renderTable(['from', 'to', 'port', 'expected', 'IPv4', 'IPv6', 'decided by', ''], cells, paint);
}

export function renderPaths(rows: readonly PathRow[], paint: Paint): string {
  const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(' + '));
  const cells = rows.map(({ check, address, there, back, passed }) => [
    check.from,
    address,
    check.port,
    list(check.through),
    list(there),
    list(back),
    mark(passed, paint),
  ]);
  return renderTable(['from', 'to', 'port', 'expected', 'there', 'back', ''], cells, paint);
}

/** A row is as expected when the packet fared so, and when the product said beforehand that it would. */
export function isAsExpected(row: PacketRow, decision: Decision | undefined): boolean {
  const told = decision === undefined || (decision.verdict === 'accept') === (row.check.expect === 'allow');
  return row.passed && told;
}

export function renderFailover(outcome: FailoverOutcome, paint: Paint): string {
  const cells = outcome.streams.map((stream) => [
    stream.from,
    stream.to,
    stream.port,
    stream.address,
    String(stream.sent),
    String(stream.lost),
    `${stream.seconds.toFixed(1)} s`,
    stream.recovered ? paint('green', 'goes on') : paint('red', 'LOST'),
  ]);
  const head = ['from', 'to', 'port', 'address', 'sent', 'lost', 'without answer', ''];
  return [renderTable(head, cells, paint), '', renderRouteChecks(outcome.routes, paint)].join('\n');
}

function paintVerdict(observed: string, paint: Paint): string {
  return observed === 'allow' ? paint('green', observed) : observed === 'deny' ? paint('yellow', observed) : observed;
}
