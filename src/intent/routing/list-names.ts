/** How many names stand in a sentence before the rest is only counted. */
const namesAtMost = 3;

/** `a, b, c and 7 more`. */
export function listNames(names: readonly string[]): string {
  const named = names.slice(0, namesAtMost).join(', ');
  return names.length > namesAtMost ? `${named} and ${names.length - namesAtMost} more` : named;
}
