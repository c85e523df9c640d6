/**
 * What every session of one router is resolved from.
 *
 *   Snapshot, Topology → [resolve-routing] → RoutingFacts → resolve-attachment-sessions, resolve-group-sessions
 */
import type { Topology } from '../topology/topology.ts';
import type { OwnedPrefix } from './resolve-bounds.ts';
import type { Pins } from './resolve-pins.ts';
import type { RoutingSettings } from './resolve-settings.ts';
import type { SiteMarks } from './site-marks.ts';

export interface RoutingFacts {
  readonly topology: Topology;
  readonly settings: RoutingSettings;
  readonly ownership: readonly OwnedPrefix[];
  readonly marks: SiteMarks;
  /** By name of the Attachment. */
  readonly rankOf: Pins['rankOf'];
}
