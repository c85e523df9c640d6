/**
 * What is worth a line in the log: what a driver says of a link that it did not say the last time.
 *
 *   LinkReport[] of one turn and of the next ─[linkNews]→ LinkNews[] → log
 *
 * Invariant: pure; a link that stays as it is is never news, whatever its counters say, nor is one that only waits for its turn.
 */
import type { LinkReport } from './link-report.ts';

export interface LinkNews {
  readonly level: 'info' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Of one kind; `before` is empty for a driver that has not answered yet. */
export function linkNews(before: readonly LinkReport[], after: readonly LinkReport[]): readonly LinkNews[] {
  const known = new Map(before.map((report) => [report.interfaceName, report]));
  const stays = new Set(after.map(({ interfaceName }) => interfaceName));
  const changed = after.filter((report) => !isSame(known.get(report.interfaceName), report));
  const gone = before.filter(({ interfaceName }) => !stays.has(interfaceName));
  return [...gone.map((report) => newsOf(report, 'gone')), ...changed.map((report) => newsOf(report, report.state))];
}

function isSame(before: LinkReport | undefined, { attachment, state, reason, driver }: LinkReport): boolean {
  return (
    before?.attachment === attachment && before.state === state && before.reason === reason && before.driver === driver
  );
}

function newsOf(report: LinkReport, what: LinkReport['state'] | 'gone'): LinkNews {
  const { interfaceName, attachment, kind, driver, reason } = report;
  const why = reason === null || what === 'gone' ? {} : { reason };
  const fields = { interface: interfaceName, attachment, kind, driver, ...why };
  return { level: what === 'failed' ? 'error' : 'info', message: `link ${what}`, fields };
}
