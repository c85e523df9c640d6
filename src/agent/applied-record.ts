/**
 * What a router last applied and read back, kept in a file so that a restarted agent recognises its own table.
 *
 * The kernel cannot tell who wrote a rule; but digests of the listing, handles included, say that nothing has touched the
 * table since this agent's predecessor verified it. Without the file, or when they differ, everything is written anew.
 */
export interface AppliedRecord {
  readonly router: string;
  /** Content hash of the whole printed ruleset that was applied. */
  readonly rulesetHash: string;
  /** Digest by chain and set, as read back after the apply. */
  readonly digests: Readonly<Record<string, string>>;
}

/** Checks a record read from a file; undefined when it is not one, which only means "write everything anew". */
export function parseAppliedRecord(text: string, router: string): AppliedRecord | undefined {
  try {
    const record: unknown = JSON.parse(text);
    if (typeof record !== 'object' || record === null) return undefined;
    const { router: name, rulesetHash, digests } = record as Partial<AppliedRecord>;
    if (name !== router || typeof rulesetHash !== 'string') return undefined;
    if (typeof digests !== 'object' || digests === null) return undefined;
    if (!Object.values(digests).every((digest) => typeof digest === 'string')) return undefined;
    return { router: name, rulesetHash, digests };
  } catch {
    return undefined;
  }
}
