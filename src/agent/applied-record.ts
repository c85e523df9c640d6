/**
 * That a machine is a router of ours, kept in a file: a restarted agent that finds the router's resources gone takes away what its
 * predecessor put there, and an agent on a machine that never was the router touches nothing.
 *
 * Nothing about the table is in it: the table is recognised by what it holds (nftables/expected-table.ts).
 */
export interface AppliedRecord {
  readonly router: string;
}

/** Checks a record read from a file; undefined when it is not one, which means "this machine never was that router". */
export function parseAppliedRecord(text: string, router: string): AppliedRecord | undefined {
  try {
    const record: unknown = JSON.parse(text);
    if (typeof record !== 'object' || record === null) return undefined;
    return (record as Partial<AppliedRecord>).router === router ? { router } : undefined;
  } catch {
    return undefined;
  }
}
