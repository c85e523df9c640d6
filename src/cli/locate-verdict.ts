/**
 * Names file and line of the rules of a verdict that came from a router, by files that hold its resources.
 *
 *   Verdict, PATH ─[locateVerdict]→ Verdict with positions
 *
 * Invariant: a resource that the files lack, or a rule they have none of, stays without a place.
 */
import type { Command } from 'commander';
import type { Position } from '../resources/resource.ts';
import { makeSnapshot } from '../resources/snapshot.ts';
import type { RuleReference, Verdict } from '../verdict/verdict.ts';
import type { Cli } from './cli.ts';
import { loadResources } from './load-resources.ts';

/** Undefined after the errors of the files were printed. */
export async function locateVerdict(
  command: Command,
  cli: Cli,
  path: string,
  verdict: Verdict,
): Promise<Verdict | undefined> {
  const located = await loadResources(command, cli, { filename: [path], recursive: true });
  if (located === undefined) return undefined;
  const snapshot = makeSnapshot(located);
  const places = new Map(located.map(({ resource }) => [`${resource.kind}/${resource.metadata.name}`, resource]));
  const locate = (id: string, rule: RuleReference | null): Position | null => {
    const resource = places.get(id);
    const field = rule ? ['spec', rule.direction, rule.index] : ['metadata', 'name'];
    return (resource && snapshot.locate(resource, field)) ?? null;
  };
  const { rule } = verdict;
  return {
    ...verdict,
    position: rule ? locate(`${rule.kind}/${rule.name}`, rule) : null,
    trace: verdict.trace.map((step) =>
      step.policy === null ? step : { ...step, position: locate(step.policy, step.rule) },
    ),
  };
}
