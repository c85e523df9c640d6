/**
 * The port to what makes one sort of link, and what the keeper asks of it.
 *
 *   LinkIntent[] ─[ensure]→ devices, daemons ─[read]→ LinkReport[]
 *
 * Invariant: a driver makes and removes only what it can prove to be its own: devices whose alias begins with
 * `causeway <router> `, processes that name our files. What it started outlives us.
 */
import type { LinkIntent } from '../intent/links/links-intent.ts';
import type { LinkReport } from './link-report.ts';

export interface LinkDriver<L extends LinkIntent = LinkIntent> {
  /**
   * Brings exactly these links about, and takes away those it made before and that are not among them. Asking twice changes
   * nothing. One report for each link, in order, and behind them one for each that could not be taken away; a link that fails holds
   * up no other. `sweeps: false` takes nothing away yet whose name is not among them: what a predecessor left may carry sessions.
   */
  ensure(links: readonly L[], secrets: ReadonlyMap<string, string>, sweeps?: boolean): Promise<readonly LinkReport[]>;
  /** Calls back after a link may have come up or gone down. A tunnel that is lost has its device down, or its inside addresses gone, by then. */
  watch(onChange: () => void): { close(): void };
  /** Lets go of what runs, which goes on. */
  leave(): void;
}
