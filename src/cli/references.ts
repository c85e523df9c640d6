/**
 * What resources say about each other, sorted by what a verb should do about it.
 *
 * Invariant: an object that is named but not among those given is a warning, never a reason to refuse: it may be in the
 * store, or come with the next file; until it does, intent narrows access for it.
 */
import type { Diagnostic } from '../resources/diagnostic.ts';
import { checkReferences } from '../resources/references.ts';
import type { Snapshot } from '../resources/snapshot.ts';

export function judgeReferences(snapshot: Snapshot): {
  readonly errors: readonly Diagnostic[];
  readonly warnings: readonly Diagnostic[];
} {
  const { errors, warnings, missing } = checkReferences(snapshot);
  const mendable = new Set(missing);
  return { errors: errors.filter((error) => !mendable.has(error)), warnings: [...missing, ...warnings] };
}
