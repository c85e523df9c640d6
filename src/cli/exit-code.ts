/** The exit codes of every verb; scripts rely on them. */
export const exitCode = {
  ok: 0,
  error: 1,
  /** There are changes, or drift. */
  changes: 2,
  /** An assertion is false, or cannot be proved. */
  assertion: 3,
  /** Refused: it would lock out, or break a limit. */
  refused: 4,
  /** Applied, then reverted. */
  reverted: 5,
  usage: 64,
  /** No daemon answers. */
  unreachable: 69,
  /** Busy, or locked by somebody else. */
  busy: 75,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];
