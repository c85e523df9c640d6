/**
 * Lab tests as sentences, collected and checked together.
 *
 *   [reach(…), blocked(…), route(…)] ─[expectAll]→ nothing, or one error with a table of all of them and the evidence
 *
 * Invariant: all are looked at even when the first fails, so that a failure shows the pattern and not just a row.
 */

import type { RunningLab } from './harness.ts';
import { renderPackets, renderRouteChecks } from './report/report.ts';
import { createPaint } from './report/table.ts';
import { LabFailure } from './sandbox/run.ts';
import type { PacketCheck, RouteCheck } from './topology/lab-schema.ts';

export type Expectation =
  | { readonly kind: 'packet'; readonly check: PacketCheck }
  | { readonly kind: 'route'; readonly check: RouteCheck };

/** In both families, `from` gets an answer from `to` on `port` (`tcp/5432`). */
export function reach(from: string, to: string, port: string): Expectation {
  return { kind: 'packet', check: { from, to, port, expect: 'allow', why: '' } };
}

/** In both families, nothing at all comes back. */
export function blocked(from: string, to: string, port: string): Expectation {
  return { kind: 'packet', check: { from, to, port, expect: 'deny', why: '' } };
}

/** The kernel of `on` holds a route by these nodes and no other; without any, no route. */
export function route(on: string, prefix: string, ...via: string[]): Expectation {
  return { kind: 'route', check: { on, prefix, via, why: '' } };
}

/** Polls until all hold; routes first, since no packet passes without. `within` in milliseconds for each of the two. */
export async function expectAll(
  running: RunningLab,
  expectations: readonly Expectation[],
  within?: number,
): Promise<void> {
  const routeChecks = expectations.flatMap((one) => (one.kind === 'route' ? [one.check] : []));
  const packetChecks = expectations.flatMap((one) => (one.kind === 'packet' ? [one.check] : []));
  const routes = routeChecks.length === 0 ? [] : await running.routes(routeChecks, within);
  const packets = packetChecks.length === 0 ? [] : await running.packets(packetChecks, within);
  if ([...routes, ...packets].every((row) => row.passed)) return;
  const plain = createPaint(false);
  const tables = [
    ...(routes.length === 0 ? [] : [renderRouteChecks(routes, plain)]),
    ...(packets.length === 0 ? [] : [renderPackets(packets, [], plain)]),
  ];
  throw new LabFailure(`not as expected:\n${tables.join('\n\n')}\nevidence is in ${await running.evidence()}`);
}
