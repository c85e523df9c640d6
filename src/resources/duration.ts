/**
 * Durations as resources write them: Go's time.Duration text, such as `90s` or `1m30s`, never negative.
 */
const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds, not rounded; undefined when absent or no duration. */
export function parseDurationMs(text: string | undefined): number | undefined {
  if (text === '0') return 0;
  if (text === undefined || text.length > 64) return undefined;
  if (!/^(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(amount) * (unitMs[unit ?? ''] ?? 0);
  }
  return total;
}

/** The nearest whole seconds, in which BGP counts; undefined when absent or no duration. */
export function parseDurationSeconds(text: string | undefined): number | undefined {
  const ms = parseDurationMs(text);
  return ms === undefined ? undefined : Math.round(ms / 1000);
}
