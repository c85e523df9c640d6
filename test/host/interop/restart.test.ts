/**
 * Graceful restart (RFC 4724) with routers of other makes: of theirs, and of ours.
 */
import { expect } from 'vitest';
import { eventually } from '../bird/namespaces.ts';
import { prefixOf } from './hub.ts';
import { expectUp, families, ownRoutes, plain, scenario, told, useStage } from './scenario.ts';

// We restart too: nobody keeps a session through that.
const stage = useStage('ir', { keepsWitness: false });
const graceful = { bgp: () => ({ gracefulRestart: '60s' }) };

scenario(
  stage,
  {
    feature: 'peerRestarts',
    hub: graceful,
    // We alone connect: a second connection, of theirs at the same moment, would be a second restart to us (RFC 4724 §4.2).
    peer: (place) => ({ sessions: plain({ gracefulRestart: true, passive: true }), routes: ownRoutes(place, 1) }),
  },
  ({ each }) => {
    each('what it told stays in our table and in the kernel while it is away', async (cell) => {
      const { hub, place, peer } = cell;
      const inKernel = (): boolean =>
        families.every((family) => {
          const shown = stage.star.hub.run('ip', `-${family}`, 'route', 'show', prefixOf(place, family, 1));
          return shown.includes('proto bird');
        });
      for (const family of families) await expectUp(cell, family);
      await eventually('its routes are in the kernel', inKernel, (are) => are);
      await peer.kill();
      for (const family of families) {
        await hub.expectState(place, family, false);
        expect(await hub.learned(place, family, prefixOf(place, family, 1))).toBeDefined();
      }
      expect(inKernel()).toBe(true);
      await peer.restart();
      for (const family of families) {
        await expectUp(cell, family);
        await eventually(
          'its routes are told anew',
          () => hub.ask('show', 'route', 'all', prefixOf(place, family, 1)),
          (text) => text.includes(prefixOf(place, family, 1)) && !/stale/i.test(text),
        );
        expect(inKernel()).toBe(true);
      }
    });
  },
);

scenario(
  stage,
  { feature: 'weRestart', hub: graceful, peer: () => ({ sessions: plain({ gracefulRestart: true }) }) },
  ({ each }) => {
    each('has heard of the witness', async (cell) => {
      for (const family of families) await expectUp(cell, family);
      for (const prefix of told) {
        await eventually(
          `${cell.name} hears of the witness`,
          () => cell.peer.received(prefix),
          (route) => route !== undefined,
        );
      }
    });
  },
);

scenario(stage, { feature: 'weRestart', act: () => stage.hub.kill() }, ({ each }) => {
  each('goes on with our routes while we are away', async ({ name, peer }) => {
    for (const [index, family] of families.entries()) {
      await eventually(
        `${name} says that we are gone`,
        () => peer.established(family),
        (isUp) => !isUp,
      );
      expect(await peer.received(told[index] ?? '')).toBeDefined();
    }
  });
});

scenario(stage, { feature: 'weRestart', act: () => stage.hub.configure(graceful) }, ({ each }) => {
  each('has our routes when we are back', async (cell) => {
    for (const [index, family] of families.entries()) {
      await expectUp(cell, family);
      await eventually(
        `${cell.name} has the route`,
        () => cell.peer.received(told[index] ?? ''),
        (route) => route !== undefined,
      );
    }
  });
});
