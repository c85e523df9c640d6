/**
 * Options of a session that both ends must agree on: where they do it comes up, where they do not it must not.
 */
import { expect } from 'vitest';
import { eventually } from '../bird/namespaces.ts';
import { prefixOf } from './hub.ts';
import { type Cell, expectUp, families, ownRoutes, plain, scenario, told, useStage } from './scenario.ts';
import { addressAt, type Place } from './star.ts';

const stage = useStage('io');

/** A counter of the kernel's TCP at one place (`nstat` names). */
function counted(place: Place, names: readonly string[]): number {
  const [heads = '', values = ''] = place.run('grep', '^TcpExt:', '/proc/net/netstat').split('\n');
  const at = heads.split(' ');
  return names.reduce((sum, name) => sum + Number(values.split(' ')[at.indexOf(name)]), 0);
}
const md5Refusals = ['TCPMD5NotFound', 'TCPMD5Unexpected', 'TCPMD5Failure'];

const expectBothUp = async (cell: Cell): Promise<void> => {
  for (const family of families) await expectUp(cell, family);
};

scenario(
  stage,
  {
    feature: 'bothFamilies',
    hub: { bgp: () => ({ families: ['ipv4', 'ipv6'] }) },
    peer: (place) => ({ sessions: [{ family: 6, carries: 'both' }], routes: ownRoutes(place, 1) }),
  },
  ({ each }) => {
    each('both ways over IPv6 alone', async (cell) => {
      await expectUp(cell, 6);
      for (const [index, family] of families.entries()) {
        const prefix = prefixOf(cell.place, family, 1);
        await eventually(
          `${prefix} is learned`,
          () => cell.hub.learned(cell.place, 6, prefix),
          (route) => route?.nextHops[0]?.gateway === addressAt(cell.place.number, 6, 2),
        );
        await eventually(
          `${cell.name} hears of the witness`,
          () => cell.peer.received(told[index] ?? ''),
          (route) => route?.nextHop === addressAt(cell.place.number, 6, 1),
        );
      }
    });
  },
);

const passwordOf = (key: string) => () => ({ password: { secretRef: { name: 'bgp', key } } });
const secrets = { 'bgp/right': 'correct-horse', 'bgp/wrong': 'battery-staple' };

scenario(
  stage,
  {
    feature: 'md5',
    hub: { bgp: passwordOf('right'), secrets },
    peer: () => ({ sessions: plain({ password: secrets['bgp/right'] }) }),
  },
  ({ each }) => each('comes up with the same password', expectBothUp),
);

for (const [feature, title, bgp] of [
  ['md5', 'stays down with another password', passwordOf('wrong')],
  ['md5Unsigned', 'stays down without a password', () => ({})],
  ['md5', 'is not even tried while the secret is missing', passwordOf('missing')],
] as const) {
  const before = new Map<string, number>();
  scenario(
    stage,
    {
      feature,
      hub: { bgp, secrets },
      async act() {
        for (const { place } of stage.peers.values()) before.set(place.name, counted(place, md5Refusals));
      },
    },
    ({ each }) => {
      each(title, async (cell) => {
        const isTried = !title.includes('missing');
        const isUp = async (): Promise<boolean> => {
          const states = families.map(async (family) => (await cell.hub.session(cell.place, family)).state);
          return (await Promise.all(states)).includes('Established');
        };
        await eventually('it is down', isUp, (up) => !up);
        if (isTried) {
          await eventually(
            `the kernel refuses segments at ${cell.name}`,
            () => counted(cell.place, md5Refusals),
            (count) => count > (before.get(cell.place.name) ?? 0),
          );
        } else {
          expect((await cell.hub.session(cell.place, 4)).state).toBe('Down');
        }
        expect(await isUp()).toBe(false);
      });
    },
  );
}

scenario(
  stage,
  {
    feature: 'ttlSecurity',
    hub: { bgp: () => ({ ttlSecurity: 1 }) },
    peer: () => ({ sessions: plain({ ttlSecurity: true }) }),
  },
  ({ each }) => each('comes up where both send with a TTL of 255', expectBothUp),
);

scenario(
  stage,
  { feature: 'ttlSecurity', hub: { bgp: () => ({ ttlSecurity: 1 }) }, peer: () => ({ sessions: plain() }) },
  ({ each }) => {
    each('stays down where the peer does not', async ({ hub, place }) => {
      await eventually(
        'our kernel drops its segments',
        () => counted(stage.star.hub, ['TCPMinTTLDrop']),
        (count) => count > 0,
      );
      for (const family of families) expect((await hub.session(place, family)).state).not.toBe('Established');
    });
  },
);

scenario(stage, { feature: 'passive', hub: {}, peer: () => ({ sessions: plain({ passive: true }) }) }, ({ each }) =>
  each('comes up with a peer that only listens', expectBothUp),
);

scenario(
  stage,
  { feature: 'passive', hub: { bgp: () => ({ passive: true }) }, peer: () => ({ sessions: plain() }) },
  ({ each }) => each('comes up where we only listen', expectBothUp),
);

scenario(
  stage,
  {
    feature: 'roles',
    hub: { bgp: () => ({ localRole: 'customer' }) },
    peer: () => ({ sessions: plain({ role: 'provider' }) }),
  },
  ({ each }) => each('comes up between a provider and its customer', expectBothUp),
);

scenario(stage, { feature: 'roles', hub: { bgp: () => ({ localRole: 'provider' }) } }, ({ each }) => {
  each('stays down between two providers', async ({ hub, place }) => {
    for (const family of families) {
      await eventually(
        'a role mismatch is what went wrong',
        () => hub.session(place, family),
        ({ state, lastError }) => state !== 'Established' && /role mismatch/i.test(lastError ?? ''),
      );
    }
  });
});

scenario(
  stage,
  {
    feature: 'bfd',
    hub: { bgp: () => ({ bfd: { minInterval: '300ms', multiplier: 3 } }) },
    peer: () => ({ sessions: plain({ bfd: true }) }),
  },
  ({ each }) => {
    const stateOf = ({ hub, place }: Cell, family: 4 | 6): string | undefined => {
      const lines = hub.ask('show', 'bfd', 'sessions').split('\n');
      const own = lines.find((line) => line.startsWith(`${addressAt(place.number, family, 2)} `));
      return own?.split(/ +/)[2];
    };
    each('is up beside the session', async (cell) => {
      for (const family of families) {
        await expectUp(cell, family);
        await eventually(
          `BFD is up with ${cell.name} over IPv${family}`,
          () => stateOf(cell, family),
          (state) => state === 'Up',
        );
      }
    });
    // The hold time is 90 s: only BFD is that fast.
    each('takes the session down when its packets no longer arrive', async (cell) => {
      // Both ways, or the peer, which notices too, would still say goodbye.
      for (const hook of ['input', 'output']) {
        cell.place.run(
          'nft',
          `add table inet dead; add chain inet dead ${hook} { type filter hook ${hook} priority 0; }`,
        );
        cell.place.run('nft', `add rule inet dead ${hook} meta l4proto { tcp, udp } drop`);
      }
      for (const family of families) {
        const { lastError } = await cell.hub.expectState(cell.place, family, false);
        expect(lastError).toMatch(/BFD/);
      }
      cell.place.run('nft', 'delete table inet dead');
    });
  },
);
