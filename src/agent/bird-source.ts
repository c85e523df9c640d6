/**
 * What BIRD's configuration is made of: the intent, and what the agent alone knows.
 *
 *   AgentState ─[birdSource]→ BirdSource ─[birdText]→ bird.conf
 *
 * Invariant: no text is made while a part of it is not known yet. A restarted agent that has not read the snippets, the secrets
 * or BIRD's routes would otherwise take away what its predecessor configured, and give it back a second later.
 */
import { compileBird } from '../bird/compile.ts';
import { printBird } from '../bird/print.ts';
import type { BirdSnippet } from '../bird/snippets.ts';
import type { RoutingIntent } from '../intent/routing/routing-intent.ts';
import { type Prefix, printPrefix } from '../net/prefix.ts';

export interface BirdSource {
  readonly routing: RoutingIntent;
  readonly secrets: ReadonlyMap<string, string>;
  readonly snippets: readonly BirdSnippet[];
  readonly isDrained: boolean;
  /** Those of the intent that stand for something, sorted as there. */
  readonly activeAggregates: readonly Prefix[];
}

/** What the agent knows beside the intent; undefined where it was not read yet. */
export interface KnownBeside {
  readonly secrets: ReadonlyMap<string, string> | undefined;
  readonly snippets: readonly BirdSnippet[] | undefined;
  /** Set while the router is drained. */
  readonly drain: object | undefined;
  readonly activeAggregates: readonly Prefix[] | undefined;
}

/** Undefined while something is on its way. */
export function birdSource(state: KnownBeside, routing: RoutingIntent): BirdSource | undefined {
  const { secrets, snippets, drain, activeAggregates } = state;
  if (secrets === undefined || snippets === undefined) return undefined;
  const aggregates = routing.aggregates.map(({ prefix }) => prefix);
  if (aggregates.length > 0 && activeAggregates === undefined) return undefined;
  const active = new Set(activeAggregates?.map(printPrefix));
  return {
    routing,
    secrets,
    snippets,
    isDrained: drain !== undefined,
    activeAggregates: aggregates.filter((prefix) => active.has(printPrefix(prefix))),
  };
}

/** Large parts are compared by identity, so that looking costs nothing; `step` keeps equal ones one object. */
export function isSameSource(one: BirdSource, other: BirdSource): boolean {
  return (
    one.routing === other.routing &&
    one.secrets === other.secrets &&
    one.snippets === other.snippets &&
    one.isDrained === other.isDrained &&
    one.activeAggregates.map(printPrefix).join() === other.activeAggregates.map(printPrefix).join()
  );
}

export function birdText({ routing, secrets, snippets, isDrained, activeAggregates }: BirdSource): string {
  const wanted = isDrained === routing.isDrained ? routing : { ...routing, isDrained };
  return printBird(compileBird(wanted, { secrets, snippets, activeAggregates }));
}
