/** One thing that `causeway doctor` looked at, and what came of it. */
export interface Finding {
  readonly check: string;
  /** `error` keeps the router from working, `warning` may surprise, `fine` is fine. */
  readonly result: 'fine' | 'warning' | 'error';
  readonly found: string;
  /** What to do; empty when fine. */
  readonly fix: string;
}

export function fine(check: string, found: string): Finding {
  return { check, result: 'fine', found, fix: '' };
}

/** What this user may not look at is neither fine nor wrong. */
export function unseen(check: string, found: string): Finding {
  return { check, result: 'warning', found, fix: 'run causeway doctor as root' };
}
