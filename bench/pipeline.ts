/**
 * The product's own stages, one after the other, as `render` runs them.
 *
 *   resources → Snapshot → RouterIntent → Ruleset → nft text
 */
import { resolveIntent } from '../src/intent/resolve-intent.ts';
import type { RouterIntent } from '../src/intent/router-intent.ts';
import { compileRuleset } from '../src/nftables/compile.ts';
import { printRuleset } from '../src/nftables/print.ts';
import type { AnyResource } from '../src/resources/resource.ts';
import { makeSnapshot, type Snapshot } from '../src/resources/snapshot.ts';
import { routerName } from './policy-resources.ts';

/** nft text of the router's whole policy. */
export function printPolicy(resources: readonly AnyResource[]): string {
  return printRuleset(compileRuleset(resolveRouter(makeSnapshot(resources)).policy));
}

/** Throws when the snapshot lacks the router, which the benchmark always puts in. */
export function resolveRouter(snapshot: Snapshot): RouterIntent {
  const intent = resolveIntent(snapshot, routerName);
  if (!intent.ok) throw new Error(`no router ${intent.error.router} among the benchmark's own resources`);
  return intent.value;
}
