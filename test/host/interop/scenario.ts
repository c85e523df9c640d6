/**
 * Scenarios: each is set up once for all peers together, then looked at peer by peer.
 *
 *   hub + peers + witness ─[setUp]→ sessions → one test for each cell of the table (features.ts)
 *
 * Invariant: the witness, whose own configuration no scenario touches, keeps its sessions from the first to the last of them.
 */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import type { Family } from '../../../src/net/address.ts';
import { eventually } from '../bird/namespaces.ts';
import { began } from '../bird/session-time.ts';
import { type Feature, features, gaps } from './features.ts';
import { asOf, type Hub, type HubOptions, hubAs, makeHub, prefixOf } from './hub.ts';
import type { AnnouncedRoute, InteropPeer, PeerName, PeerSession } from './peer.ts';
import { peerNames } from './peer.ts';
import { makers } from './peers/all.ts';
import { makeBird } from './peers/bird.ts';
import { layStar, type Place, type Star } from './star.ts';

export const families: readonly Family[] = [4, 6];

/** What the witness announces, so that there is something to tell the peers. */
export const told = ['10.6.1.0/24', 'fd10:6:1::/48'] as const;
/** Enough to go past a limit when it is alone in telling. */
const more = ['10.6.2.0/24', '10.6.3.0/24', 'fd10:6:2::/48', 'fd10:6:3::/48'];
const toldRoutes: readonly AnnouncedRoute[] = [...told, ...more].map((prefix) => ({
  prefix,
  communities: ['65001:7'],
  largeCommunities: ['4200000016:7:8'],
}));

export interface Stage {
  star: Star;
  hub: Hub;
  witness: Place;
  readonly peers: ReadonlyMap<PeerName, { readonly place: Place; readonly peer: InteropPeer }>;
}

export interface Cell {
  readonly name: PeerName;
  readonly place: Place;
  readonly peer: InteropPeer;
  readonly hub: Hub;
}

export interface PeerSetup {
  readonly sessions: readonly PeerSession[];
  readonly routes?: readonly AnnouncedRoute[];
}

const programs = [
  ['bird', 'bird2'],
  ['/usr/lib/frr/bgpd', 'frr'],
  ['gobgpd', 'gobgpd'],
  ['exabgp', 'exabgp'],
  ['/usr/sbin/bgpctl', 'openbgpd'],
] as const;

/** Lays the star before the tests of a file and takes it away after them. */
export function useStage(label: string, { keepsWitness = true } = {}): Stage {
  const peers = new Map<PeerName, { readonly place: Place; readonly peer: InteropPeer }>();
  const stage = { peers } as Stage & { peers: typeof peers };
  let witnessPeer: InteropPeer | undefined;
  let since: readonly string[] = [];
  const uptime = async (): Promise<string[]> =>
    Promise.all(families.map(async (family) => (await stage.hub.session(stage.witness, family)).since));

  beforeAll(async () => {
    if (process.getuid?.() !== 0) throw new Error('these tests make network namespaces: run them as root');
    for (const [program, debianPackage] of programs) {
      if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0)
        throw new Error(`${program} is missing: apt-get install ${debianPackage}`);
    }
    stage.star = layStar(label, [...peerNames, 'witness']);
    for (const name of peerNames) {
      const place = stage.star.place(name);
      peers.set(name, { place, peer: makers[name](place) });
    }
    stage.witness = stage.star.place('witness');
    stage.hub = makeHub(stage.star, [...peerNames.map((name) => stage.star.place(name)), stage.witness]);
    witnessPeer = makeBird(stage.witness);
    await witnessPeer.start({ asNumber: asOf(stage.witness), hubAs, sessions: plain(), routes: toldRoutes });
    await stage.hub.configure();
    for (const family of families) await stage.hub.expectState(stage.witness, family, true);
    since = await uptime();
  });

  afterAll(async () => {
    if (!stage.star) return;
    // Not in a test of its own: the last of the tests may have been skipped or filtered away.
    const now = keepsWitness ? await uptime() : since;
    await Promise.all([...peers.values()].map(({ peer }) => peer.stop()));
    await witnessPeer?.stop();
    await stage.hub.daemon.stop();
    await stage.star.remove();
    expect(now, 'the witness kept its sessions').toEqual(since.map(began));
  });
  return stage;
}

export const plain = (more: Partial<PeerSession> = {}): PeerSession[] =>
  families.map((family) => ({ family, carries: 'own', ...more }));

/** Two routes of the peer's Site, one of each family. */
export const ownRoutes = (place: Place, index: number, dress: Omit<AnnouncedRoute, 'prefix'> = {}): AnnouncedRoute[] =>
  families.map((family) => ({ prefix: prefixOf(place, family, index), ...dress }));

export interface Scenario {
  readonly feature: Feature;
  /** Absent: the hub goes on as the last scenario left it. */
  readonly hub?: HubOptions;
  /** Once more before the looks, when all is configured. */
  readonly act?: () => Promise<void>;
  /** Absent: peers go on as the last scenario left them. */
  readonly peer?: (place: Place) => PeerSetup;
}

/** Peers that cannot do it are left as they are. */
export function scenario(stage: Stage, { feature, hub, peer, act }: Scenario, tests: (cells: CellTests) => void): void {
  const taking = peerNames.filter((name) => gaps[name][feature] === undefined);
  describe(features[feature], () => {
    beforeAll(async () => {
      if (peer) await Promise.all(taking.map((name) => stage.peers.get(name)?.peer.stop()));
      // A limit that was hit holds a session down until somebody has looked at it.
      if (hub) stage.hub.enableAll();
      const isTaking = (place: Place): boolean => taking.some((name) => name === place.name);
      if (hub) await stage.hub.configure({ ...hub, bgp: (place) => (isTaking(place) ? (hub.bgp?.(place) ?? {}) : {}) });
      const start = async (name: PeerName): Promise<void> => {
        const at = stage.peers.get(name);
        if (!(at && peer)) return;
        const { sessions, routes = [] } = peer(at.place);
        await at.peer.start({ asNumber: asOf(at.place), hubAs, sessions, routes });
      };
      await Promise.all(taking.map(start));
      await act?.();
    });
    tests({
      each(title, check) {
        for (const name of peerNames) {
          it(`${title}: ${name}`, async (context) => {
            const gap = gaps[name][feature];
            if (gap !== undefined) return context.skip(gap);
            const at = stage.peers.get(name);
            if (!at) throw new Error(`${name} is not on the stage`);
            onTestFailed(() => {
              process.stderr.write(`--- ${name}\n${at.peer.log()}\n--- our BIRD\n${stage.hub.log()}\n`);
            });
            await check({ name, ...at, hub: stage.hub });
          });
        }
      },
    });
  });
}

export interface CellTests {
  each(title: string, check: (cell: Cell) => Promise<void>): void;
}

/** Up as both ends see it. */
export async function expectUp({ name, hub, place, peer }: Cell, family: Family): Promise<void> {
  await hub.expectState(place, family, true);
  await eventually(
    `${name} says that it is up over IPv${family}`,
    () => peer.established(family),
    (isUp) => isUp,
  );
}
