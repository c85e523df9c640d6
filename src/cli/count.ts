/** Counts in words: `1 packet`, `2 packets`, `1 policy`. */

/** The plural is the noun with an s unless it is said. */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}
