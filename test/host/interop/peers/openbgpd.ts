/** OpenBGPD, portable: its kernel table is left alone. */
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnnouncedRoute, HeardRoute, MakePeer, PeerConfig, PeerSession } from '../peer.ts';
import { addressAt, type Place, type RunningProgram } from '../star.ts';

/** It locks itself into a folder that its service makes at boot: here one that nobody else sees. */
const inRoot = 'mount -t tmpfs run /run && mkdir /run/openbgpd && exec /usr/sbin/bgpd -d -v -f "$1"';

export const makeOpenbgpd: MakePeer = (place) => {
  const config = join(place.dir, 'bgpd.conf');
  const socket = join(place.dir, 'bgpd.sock');
  let daemon: RunningProgram | undefined;
  const ask = (...words: readonly string[]): unknown => {
    if (!existsSync(socket)) return {};
    try {
      return JSON.parse(place.run('bgpctl', '-s', socket, '-j', ...words));
    } catch {
      // Its socket is there before it answers: for the caller to wait out.
      return {};
    }
  };
  const launch = (): void => {
    daemon = place.spawn('openbgpd', ['unshare', '--mount', 'sh', '-c', inRoot, 'sh', config]);
  };
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    await daemon?.end(signal);
    rmSync(socket, { force: true });
  };
  return {
    async start(wanted) {
      writeFileSync(config, openbgpdText(place, wanted, socket));
      // It refuses a file that others may read: passwords are in it.
      chmodSync(config, 0o600);
      launch();
    },
    async established(family) {
      const { neighbors = [] } = ask('show', 'neighbor') as { neighbors?: readonly OpenbgpdNeighbor[] };
      const own = neighbors.find(({ remote_addr }) => remote_addr === addressAt(place.number, family, 1));
      return own?.state === 'Established';
    },
    async received(prefix) {
      const { rib = [] } = ask('show', 'rib', 'in', 'detail', prefix) as { rib?: readonly OpenbgpdRoute[] };
      const found = rib.find((route) => route.prefix === prefix);
      return found && heard(found);
    },
    kill: () => end('SIGKILL'),
    restart: async () => launch(),
    stop: () => end('SIGTERM'),
    log: () => place.log('openbgpd'),
  };
};

interface OpenbgpdNeighbor {
  readonly remote_addr: string;
  readonly state: string;
}

interface OpenbgpdRoute {
  readonly prefix: string;
  readonly aspath?: string;
  readonly metric?: number;
  readonly exit_nexthop?: string;
  readonly communities?: readonly string[];
  readonly large_communities?: readonly string[];
}

/** OpenBGPD writes well-known communities by name, and knows no difference between a MED of 0 and none. */
const wellKnown: Readonly<Record<string, string>> = { GRACEFUL_SHUTDOWN: '65535:0', NO_EXPORT: '65535:65281' };

function heard({ aspath = '', metric, exit_nexthop = '', communities = [], large_communities = [] }: OpenbgpdRoute) {
  return {
    path: aspath.split(' ').map(Number),
    med: metric,
    communities: communities.map((word) => wellKnown[word] ?? word).sort(),
    largeCommunities: [...large_communities].sort(),
    nextHop: exit_nexthop,
  } satisfies HeardRoute;
}

function openbgpdText({ number }: Place, { asNumber, hubAs, sessions, routes }: PeerConfig, socket: string): string {
  return [
    `AS ${asNumber} 65000`,
    `router-id 192.168.${number}.2`,
    `socket "${socket}"`,
    'fib-update no',
    'connect-retry 1',
    ...sessions.map(({ family }) => `listen on ${addressAt(number, family, 2)}`),
    ...routes.map((route) => networkLine(route)),
    ...sessions.map((session) => neighborText(number, hubAs, session)),
    'allow from any',
    'allow to any',
    '',
  ].join('\n');
}

function networkLine({ prefix, communities = [], largeCommunities = [], med, prepend = 0 }: AnnouncedRoute): string {
  const set = [
    ...communities.map((community) => `community ${community}`),
    ...largeCommunities.map((community) => `large-community ${community}`),
    ...(med === undefined ? [] : [`med ${med}`]),
    ...(prepend > 0 ? [`prepend-self ${prepend}`] : []),
  ];
  return `network ${prefix}${set.length > 0 ? ` set { ${set.join(' ')} }` : ''}`;
}

function neighborText(number: number, hubAs: number, session: PeerSession): string {
  const { family, carries, password, passive, holdTime = 90, ttlSecurity, role } = session;
  return `neighbor ${addressAt(number, family, 1)} {
  remote-as ${hubAs}
  local-address ${addressAt(number, family, 2)}
  holdtime ${holdTime}
  ${carries === 'both' ? 'announce IPv4 unicast\n  announce IPv6 unicast' : ''}
  ${password === undefined ? '' : `tcp md5sig password "${password}"`}
  ${passive ? 'passive' : ''}
  ${ttlSecurity ? 'ttl-security yes' : ''}
  ${role ? `announce policy ${role}` : ''}
}`;
}
