/**
 * Whether two values of plain data say the same: numbers, texts, bigints, lists and objects of them.
 *
 * Invariant: the order of an object's fields does not count, and a field that is undefined is one that is absent.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) return Array.isArray(a) && Array.isArray(b) && sameItems(a, b, sameValue);
  const [x, y] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>];
  return hasFieldsOf(x, y) && hasFieldsOf(y, x);
}

/** Whether two lists are as long and equal item by item; identical items unless another comparison is given. */
export function sameItems<T>(a: readonly T[], b: readonly T[], isSame: (x: T, y: T) => boolean = Object.is): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!isSame(a[i] as T, b[i] as T)) return false;
  return true;
}

function hasFieldsOf(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  for (const key of Object.keys(b)) {
    const value = Object.hasOwn(a, key) ? a[key] : undefined;
    if (!sameValue(value, b[key])) return false;
  }
  return true;
}
