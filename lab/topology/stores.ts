/**
 * Which store holds a router's resources: the one that routers of a lab share, or that of the team that runs this one.
 *
 *   Lab ─[storesOf, storeOf]→ Store → apply, agent, status, explain
 *
 * Invariant: routers whose resources are in one folder share one store, and no other router reads it.
 */
import { relative, resolve } from 'node:path';
import { causewayProgram } from '../package-root.ts';
import type { Lab } from './lab-file.ts';

export interface Store {
  /** Absolute path of the resources that are applied to it. */
  readonly resources: string;
  /** Where it is inside the sandbox. */
  readonly directory: string;
}

/** Below what the product takes for its own. */
const stateFolder = '/var/lib/causeway';

/** Each store that a router of the lab reads, once. */
export function storesOf(lab: Lab): readonly Store[] {
  const routers = Object.entries(lab.spec.nodes).flatMap(([name, { type }]) => (type === 'router' ? [name] : []));
  return [...new Map(routers.map((name) => storeOf(lab, name)).map((store) => [store.directory, store])).values()];
}

export function storeOf(lab: Lab, router: string): Store {
  const node = lab.spec.nodes[router];
  const shared = resolve(lab.folder, lab.spec.resources);
  const own = node?.type === 'router' && node.resources !== undefined ? resolve(lab.folder, node.resources) : shared;
  if (own === shared) return { resources: shared, directory: `${stateFolder}/store` };
  // One file name for each folder, wherever it is.
  return { resources: own, directory: `${stateFolder}/store-${encodeURIComponent(relative(lab.folder, own))}` };
}

/** A call of `causeway` about one router, on its store. */
export function causewayFor(lab: Lab, router: string, argv: readonly string[]): string[] {
  return [causewayProgram(), '--store', storeOf(lab, router).directory, ...argv];
}
