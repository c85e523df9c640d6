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

/** Milliseconds, rounded; undefined when the text is no duration. */
export function parseDurationMs(text: string | undefined): number | undefined {
  const seconds = text === undefined ? undefined : exactSeconds(text);
  return seconds === undefined ? undefined : Math.round(seconds * 1000);
}

/** Seconds, rounded; undefined when the text is no duration. Resources are validated, so callers may ignore undefined. */
export function parseDurationSeconds(text: string | undefined): number | undefined {
  const seconds = text === undefined ? undefined : exactSeconds(text);
  return seconds === undefined ? undefined : Math.round(seconds);
}

function exactSeconds(text: string): number | undefined {
  if (text === '0') return 0;
  const part = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(h|ms|m|s|us|µs|ns)/y;
  let seconds = 0;
  while (part.lastIndex < text.length) {
    const match = part.exec(text);
    if (!match) return undefined;
    seconds += Number(match[1]) * (unitSeconds[match[2] ?? ''] ?? 0);
  }
  return text === '' ? undefined : seconds;
}
