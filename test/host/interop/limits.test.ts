/**
 * More prefixes than were agreed on, from and to routers of other makes; the witness, in scenario.ts, never notices.
 */
import type { PrefixLimit } from '../../../src/resources/attachment.ts';
import { eventually } from '../bird/namespaces.ts';
import { expectUp, families, ownRoutes, plain, scenario, useStage } from './scenario.ts';

const stage = useStage('il');
const announced = [1, 2, 3, 4];

const cases: readonly {
  readonly direction: 'receive' | 'import' | 'export';
  readonly action: NonNullable<PrefixLimit['action']>;
  /** What BIRD then counts in that direction; undefined where the session is down. */
  readonly passed: number | undefined;
}[] = [
  { direction: 'receive', action: 'warn', passed: announced.length },
  { direction: 'receive', action: 'block', passed: 2 },
  { direction: 'receive', action: 'down', passed: undefined },
  { direction: 'import', action: 'block', passed: 2 },
  { direction: 'import', action: 'down', passed: undefined },
  { direction: 'export', action: 'block', passed: 2 },
  { direction: 'export', action: 'down', passed: undefined },
];

for (const { direction, action, passed } of cases) {
  const limit = { limit: 2, action };
  scenario(
    stage,
    {
      feature: 'limits',
      // Stale routes of the session before would count too.
      hub: { bgp: () => ({ gracefulRestart: 'off', maxPrefixes: { [direction]: { ipv4: limit, ipv6: limit } } }) },
      peer: (place) => ({ sessions: plain(), routes: announced.flatMap((index) => ownRoutes(place, index)) }),
    },
    ({ each }) => {
      each(`${direction}, ${action}`, async (cell) => {
        for (const family of families) {
          if (passed === undefined) {
            await eventually(
              'the session is down for its limit',
              () => cell.hub.session(cell.place, family),
              ({ state, lastError }) => state === 'Down' && /limit/i.test(lastError ?? ''),
            );
            continue;
          }
          await expectUp(cell, family);
          await eventually(
            `${passed} pass`,
            async () => (await cell.hub.session(cell.place, family)).channels[0],
            (channel) => (direction === 'export' ? channel?.exported : channel?.imported) === passed,
          );
        }
      });
    },
  );
}
