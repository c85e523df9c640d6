/**
 * Durations as Calico's BGP resources write them (Go's time.Duration text), in the whole seconds that BGP counts in.
 */
const unitSeconds: Readonly<Record<string, number>> = {
  h: 3600,
  m: 60,
  s: 1,
  ms: 1e-3,
  us: 1e-6,
  µs: 1e-6,
  ns: 1e-9,
};

/** Seconds, rounded; undefined when the text is no duration. Resources are validated, so callers may ignore undefined. */
export function parseDurationSeconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === '0') return 0;
  const part = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(h|ms|m|s|us|µs|ns)/y;
  let seconds = 0;
  while (part.lastIndex < text.length) {
    const match = part.exec(text);
    if (!match) return undefined;
    seconds += Number(match[1]) * (unitSeconds[match[2] ?? ''] ?? 0);
  }
  return text === '' ? undefined : Math.round(seconds);
}
