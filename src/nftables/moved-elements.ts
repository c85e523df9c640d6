/**
 * Which elements of a large map differ from those of the one it was made from.
 *
 *   moveDispatch ─[noteMoved]→ (remembered) ─[movedKeys]→ diff and hash look at these alone
 *
 * Invariant: only a hint: without it both look at every element and come to the same. The older map is not kept alive by it.
 */
import type { MapElement } from './ruleset.ts';

type Elements = ReadonlyMap<string, MapElement>;

const moves = new WeakMap<Elements, { readonly before: WeakRef<Elements>; readonly keys: readonly string[] }>();

/** `after` has the elements of `before` but for those of these keys. */
export function noteMoved(before: Elements, after: Elements, keys: readonly string[]): void {
  moves.set(after, { before: new WeakRef(before), keys });
}

/** Undefined where `after` was not made from `before`. */
export function movedKeys(
  before: ReadonlyMap<string, unknown>,
  after: ReadonlyMap<string, unknown>,
): readonly string[] | undefined {
  const move = moves.get(after as Elements);
  return move?.before.deref() === before ? move?.keys : undefined;
}
