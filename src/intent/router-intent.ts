/**
 * Everything one router must be, in domain terms.
 *
 *   Snapshot ─[resolve-intent]→ RouterIntent ─[compile]→ Ruleset, BirdConfig
 */
import type { FieldPath, Resource } from '../resources/resource.ts';
import type { LinkIntent } from './links/links-intent.ts';
import type { PolicyIntent } from './policy/policy-intent.ts';
import type { RoutingIntent } from './routing/routing-intent.ts';

export interface RouterIntent {
  readonly router: string;
  readonly policy: PolicyIntent;
  readonly routing: RoutingIntent;
  /** Sorted by interface name. */
  readonly links: readonly LinkIntent[];
  /** What the user should know: traps, things left out, things narrowed. Sorted, without duplicates. */
  readonly warnings: readonly Warning[];
}

export interface Warning {
  /** Stable word for the sort of thing, such as `missing-filter`. */
  readonly code: string;
  readonly subject: Resource | undefined;
  readonly path: FieldPath;
  /** What it means for traffic or routes, and how to mend it. */
  readonly message: string;
}
