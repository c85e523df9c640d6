/** GoBGP: gobgpd by a TOML file, its routes added over gRPC by its own command. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../../../lab/eventually.ts';
import type { Family } from '../../../../src/net/address.ts';
import type { AnnouncedRoute, HeardRoute, MakePeer, PeerConfig, PeerSession } from '../peer.ts';
import { familyOf } from '../peer.ts';
import { addressAt, type Place, type RunningProgram } from '../star.ts';

export const makeGobgp: MakePeer = (place) => {
  const config = join(place.dir, 'gobgp.toml');
  let daemon: RunningProgram | undefined;
  let wanted: PeerConfig | undefined;
  const ask = (...words: readonly string[]): string => place.run('gobgp', ...words);
  const tryAsk = (...words: readonly string[]): string | undefined => {
    try {
      return ask(...words);
    } catch {
      // Not yet listening, or the neighbor is down: both are for the caller to wait out.
      return undefined;
    }
  };
  const launch = async (...more: readonly string[]): Promise<void> => {
    const command = ['gobgpd', '-f', config, '--pprof-disable', '-p', '--api-hosts', '127.0.0.1:50051'];
    daemon = place.spawn('gobgp', [...command, ...more]);
    await eventually(
      () => tryAsk('global', '-j'),
      (answer) => answer?.includes('"asn"') ?? false,
    );
    for (const route of wanted?.routes ?? []) ask(...routeWords(place.number, wanted as PeerConfig, route));
    // Only now: it would say that it has told everything (RFC 4724 §4.1) before it has been told anything.
    for (const { family } of wanted?.sessions ?? []) ask('neighbor', addressAt(place.number, family, 1), 'enable');
  };
  return {
    async start(given) {
      wanted = given;
      writeFileSync(config, gobgpText(place, given));
      await launch();
    },
    async established(family) {
      const text = tryAsk('neighbor', addressAt(place.number, family, 1), '-j');
      // 6 is ESTABLISHED (RFC 4271 §8.2.2).
      return text !== undefined && (JSON.parse(text) as GobgpNeighbor).state.session_state === 6;
    },
    async received(prefix) {
      for (const { family } of wanted?.sessions ?? []) {
        const neighbor = addressAt(place.number, family, 1);
        const text = tryAsk('neighbor', neighbor, 'adj-in', prefix, '-a', `ipv${familyOf(prefix)}`, '-j');
        const [path] = text ? Object.values(JSON.parse(text) as Record<string, readonly GobgpPath[]>).flat() : [];
        if (path) return heard(path);
      }
      return undefined;
    },
    kill: async () => daemon?.end('SIGKILL'),
    restart: () => launch('-r'),
    stop: async () => daemon?.end('SIGTERM'),
    log: () => place.log('gobgp'),
  };
};

interface GobgpNeighbor {
  readonly state: { readonly session_state?: number };
}

interface GobgpPath {
  readonly attrs: readonly {
    readonly type: number;
    readonly as_paths?: readonly { readonly asns: readonly number[] }[];
    readonly metric?: number;
    readonly nexthop?: string;
    readonly communities?: readonly number[];
    readonly value?: readonly { readonly ASN: number; readonly LocalData1: number; readonly LocalData2: number }[];
  }[];
}

/** By the attributes' numbers (IANA): 2 AS_PATH, 3 NEXT_HOP, 4 MED, 8 COMMUNITIES, 14 MP_REACH_NLRI, 32 LARGE_COMMUNITY. */
function heard({ attrs }: GobgpPath): HeardRoute {
  const of = (type: number): GobgpPath['attrs'][number] | undefined => attrs.find((one) => one.type === type);
  const communities = of(8)?.communities ?? [];
  const large = of(32)?.value ?? [];
  return {
    path: (of(2)?.as_paths ?? []).flatMap(({ asns }) => asns),
    med: of(4)?.metric,
    communities: communities.map((value) => `${value >>> 16}:${value & 0xffff}`).sort(),
    largeCommunities: large.map(({ ASN, LocalData1, LocalData2 }) => `${ASN}:${LocalData1}:${LocalData2}`).sort(),
    nextHop: of(14)?.nexthop ?? of(3)?.nexthop ?? '',
  };
}

function gobgpText({ number }: Place, { asNumber, hubAs, sessions }: PeerConfig): string {
  return [
    `[global.config]\n  as = ${asNumber}\n  router-id = "192.168.${number}.2"`,
    ...sessions.map((session) => neighborText(number, hubAs, session)),
  ].join('\n');
}

function neighborText(number: number, hubAs: number, session: PeerSession): string {
  const { family, carries, password, passive, holdTime = 90, ttlSecurity, gracefulRestart } = session;
  const carried: readonly Family[] = carries === 'both' ? [4, 6] : [family];
  const restart = gracefulRestart ? 'enabled = true' : '';
  return `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${addressAt(number, family, 1)}"
    peer-as = ${hubAs}
    admin-down = true
    ${password === undefined ? '' : `auth-password = "${password}"`}
  [neighbors.transport.config]
    passive-mode = ${passive === true}
    local-address = "${addressAt(number, family, 2)}"
  [neighbors.timers.config]
    connect-retry = 1
    idle-hold-time-after-reset = 1
    hold-time = ${holdTime}
    keepalive-interval = ${Math.floor(holdTime / 3)}
  ${ttlSecurity ? '[neighbors.ttl-security.config]\n    enabled = true\n    ttl-min = 255' : ''}
  ${gracefulRestart ? '[neighbors.graceful-restart.config]\n    enabled = true\n    restart-time = 60' : ''}
${carried
  .map(
    (one) => `  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv${one}-unicast"
    ${restart === '' ? '' : `[neighbors.afi-safis.mp-graceful-restart.config]\n      ${restart}`}`,
  )
  .join('\n')}`;
}

function routeWords(number: number, { asNumber, sessions }: PeerConfig, route: AnnouncedRoute): string[] {
  const { prefix, communities = [], largeCommunities = [], med, prepend = 0 } = route;
  const family = familyOf(prefix);
  // It sends the next hop it was given.
  const over = sessions.find(({ carries }) => carries === 'both')?.family ?? family;
  return [
    ...['global', 'rib', 'add', '-a', `ipv${family}`, prefix, 'nexthop', addressAt(number, over, 2)],
    ...(communities.length > 0 ? ['community', communities.join(',')] : []),
    ...(largeCommunities.length > 0 ? ['large-community', largeCommunities.join(',')] : []),
    ...(med === undefined ? [] : ['med', String(med)]),
    ...(prepend > 0 ? ['aspath', Array(prepend).fill(asNumber).join(' ')] : []),
  ];
}
