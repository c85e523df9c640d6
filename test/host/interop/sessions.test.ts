/**
 * Sessions with routers of other makes: what comes up, what must not, and what both ends make of it.
 */
import { expect } from 'vitest';
import { eventually } from '../bird/namespaces.ts';
import { asOf, hubAs, prefixOf } from './hub.ts';
import { expectUp, families, ownRoutes, plain, scenario, told, useStage } from './scenario.ts';
import { addressAt } from './star.ts';

const stage = useStage('is');

scenario(
  stage,
  {
    feature: 'sessions',
    peer: (place) => ({
      sessions: plain({ holdTime: 30 }),
      routes: [
        ...ownRoutes(place, 1, {
          communities: ['65001:1', '65002:2'],
          largeCommunities: ['4200000001:5:6', '65001:1:1'],
          med: 77,
          prepend: 2,
        }),
        ...ownRoutes(place, 2, { communities: ['65535:0'] }),
      ],
    }),
    hub: {
      bgp: () => ({
        med: 50,
        prepend: 1,
        communities: ['65010:3', '4200000001:100:200', 'no-export'],
        holdTime: '90s',
        keepaliveTime: '30s',
        localPref: 250,
      }),
    },
  },
  ({ each }) => {
    each('comes up in both families, with AS numbers of 32 bits', async (cell) => {
      for (const family of families) {
        await expectUp(cell, family);
        expect(await cell.hub.session(cell.place, family)).toMatchObject({
          remoteAs: asOf(cell.place),
          localAs: hubAs,
        });
      }
    });
  },
);

scenario(stage, { feature: 'holdTime' }, ({ each }) => {
  each('30 s of the peer against 90 s of ours', async (cell) => {
    for (const family of families) {
      await expectUp(cell, family);
      const { name } = await cell.hub.session(cell.place, family);
      const shown = cell.hub.ask('show', 'protocols', 'all', `cw_${name}`);
      expect(shown).toMatch(/Hold timer: +[0-9.]+\/30/);
    }
  });
});

scenario(stage, { feature: 'learned' }, ({ each }) => {
  each('arrives as it was sent', async ({ hub, place }) => {
    const own = asOf(place);
    for (const family of families) {
      const prefix = prefixOf(place, family, 1);
      const route = await eventually(
        `${prefix} is learned`,
        () => hub.learned(place, family, prefix),
        (found) => found !== undefined,
      );
      expect(route?.attributes).toMatchObject({
        'BGP.as_path': `${own} ${own} ${own}`,
        'BGP.med': '77',
        'BGP.community': '(65001,1) (65002,2)',
        'BGP.local_pref': '250',
      });
      expect(route?.attributes['BGP.large_community']).toContain('(65001, 1, 1)');
    }
  });
});

scenario(stage, { feature: 'gshutIn' }, ({ each }) => {
  each('is the last choice', async ({ hub, place }) => {
    for (const family of families) {
      const prefix = prefixOf(place, family, 2);
      const route = await eventually(
        `${prefix} is learned`,
        () => hub.learned(place, family, prefix),
        (found) => found !== undefined,
      );
      expect(route?.attributes).toMatchObject({ 'BGP.local_pref': '0', 'BGP.community': '(65535,0)' });
    }
  });
});

scenario(stage, { feature: 'told' }, ({ each }) => {
  each('arrives with what the Attachment says, and with what the witness said', async ({ name, place, peer }) => {
    for (const [index, family] of families.entries()) {
      const route = await eventually(
        `${name} hears of the witness`,
        () => peer.received(told[index] ?? ''),
        (found) => found !== undefined,
      );
      expect(route).toMatchObject({
        path: [hubAs, hubAs, asOf(stage.witness)],
        med: 50,
        communities: ['65001:7', '65010:3', '65535:65281'],
        nextHop: addressAt(place.number, family, 1),
      });
      expect(route?.largeCommunities).toEqual(expect.arrayContaining(['4200000001:100:200', '4200000016:7:8']));
    }
  });
});

scenario(stage, { feature: 'gshutOut', hub: { isDrained: true } }, ({ each }) => {
  each('tells that it is leaving', async ({ name, peer }) => {
    for (const prefix of told) {
      const route = await eventually(
        `${name} hears of it`,
        () => peer.received(prefix),
        (found) => found?.communities.includes('65535:0') === true,
      );
      expect(route).toMatchObject({ med: 4_294_967_295 });
    }
  });
});
