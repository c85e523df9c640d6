/**
 * That the operator takes this router out of service, kept in a file of the machine: it is about the machine and not about the
 * network, must count while the store is away, and survive every restart (docs/decisions/0025).
 *
 *   POST /v1/drain → drain.json → [parseDrainRecord] → AgentState.drain
 */
export interface DrainRecord {
  /** RFC 3339. */
  readonly since: string;
  /** In the operator's words; may be empty. */
  readonly reason: string;
}

/** Longest reason that is kept, in characters. */
export const longestReason = 200;

/**
 * A record read from a file. The file's presence says that the router is drained: one that is not understood drains all the
 * same, since a router in maintenance must not attract traffic because of a damaged file.
 */
export function parseDrainRecord(text: string, readAt: string): DrainRecord {
  const unclear = { since: readAt, reason: 'drain.json cannot be read; undrain writes it anew' };
  try {
    const record: unknown = JSON.parse(text);
    if (typeof record !== 'object' || record === null) return unclear;
    const { since, reason } = record as Partial<Record<keyof DrainRecord, unknown>>;
    if (typeof since !== 'string' || Number.isNaN(Date.parse(since)) || typeof reason !== 'string') return unclear;
    return { since, reason: reason.slice(0, longestReason) };
  } catch {
    return unclear;
  }
}
