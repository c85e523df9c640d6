/**
 * An endpoint of this router and the policies that select it.
 *
 *   resolve-policy → SelectedEndpoint[] → find-traps
 */
import type { GuardedInterfaces } from './resolve-endpoints.ts';
import type { ClassifiedPolicy } from './resolve-tiers.ts';

export interface SelectedEndpoint extends GuardedInterfaces {
  /** In order of evaluation. */
  readonly policies: readonly ClassifiedPolicy[];
}
