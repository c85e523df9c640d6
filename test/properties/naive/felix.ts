/**
 * The agent's settings as they hold on the router (semantics §1.14).
 *
 *   World, field ─[felix]→ its value, undefined where nothing says
 */
import type { ManifestSpec } from './manifest.ts';
import { selects } from './selector.ts';
import { named, ofKind, type World } from './world.ts';

/** node.<name>, then the first by name whose nodeSelector matches, then default. */
export function felix<F extends keyof ManifestSpec>(world: World, field: F): ManifestSpec[F] | undefined {
  const { router } = world;
  const labels = new Map([
    ...Object.entries(named(world, 'Node', router)?.metadata.labels ?? {}),
    ...Object.entries(named(world, 'Router', router)?.metadata.labels ?? {}),
  ]);
  const selecting = [...ofKind(world, 'FelixConfiguration')]
    .filter(({ spec }) => spec.nodeSelector !== undefined && selects(spec.nodeSelector, labels))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const sources = [
    named(world, 'FelixConfiguration', `node.${router}`),
    selecting[0],
    named(world, 'FelixConfiguration', 'default'),
  ];
  return sources.find((source) => source?.spec[field] !== undefined)?.spec[field];
}
