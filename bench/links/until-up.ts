/** Drivers of both ends, asked until both links are up, as the agent's keeper does. */
import { setTimeout as pause } from 'node:timers/promises';
import type { LinkIntent } from '../../src/intent/links/links-intent.ts';
import type { LinkDriver } from '../../src/links/link-driver.ts';
import type { LinkDriverName, LinkReport } from '../../src/links/link-report.ts';

export interface DrivenEnd<L extends LinkIntent> {
  readonly driver: LinkDriver<L>;
  readonly link: L;
  readonly secrets?: ReadonlyMap<string, string>;
}

const patienceMs = 30_000;

/** What carries it; throws with the drivers' own reasons when it does not come up. */
export async function untilUp<L extends LinkIntent>(ends: readonly DrivenEnd<L>[]): Promise<LinkDriverName> {
  const deadline = performance.now() + patienceMs;
  // Kept, since a driver that follows its tunnels acts on what it hears of them.
  for (const { driver } of ends) driver.watch(() => {});
  for (;;) {
    const reports: LinkReport[] = [];
    for (const { driver, link, secrets = new Map() } of ends) reports.push(...(await driver.ensure([link], secrets)));
    const [first] = reports;
    if (first?.driver && reports.every(({ state }) => state === 'up')) return first.driver;
    if (performance.now() > deadline) {
      throw new Error(`the link is not up: ${reports.map(({ state, reason }) => `${state}, ${reason}`).join('; ')}`);
    }
    await pause(200);
  }
}
