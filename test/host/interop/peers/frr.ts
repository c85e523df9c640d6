/** FRR: zebra, bgpd and bfdd, with sockets and files of their own so that nothing of an installed FRR is met. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../../../lab/eventually.ts';
import type { AnnouncedRoute, HeardRoute, MakePeer, PeerConfig, PeerSession } from '../peer.ts';
import { familyOf } from '../peer.ts';
import { addressAt, type Place, type RunningProgram } from '../star.ts';

export const makeFrr: MakePeer = (place) => {
  const config = join(place.dir, 'frr.conf');
  const empty = join(place.dir, 'empty.conf');
  const sockets = join(place.dir, 'vty');
  const zserv = join(place.dir, 'zserv.api');
  const running = new Map<string, RunningProgram>();
  const launch = (daemon: string, file: string): void => {
    const own = daemon === 'bfdd' ? ['--bfdctl', join(place.dir, 'bfdd.sock')] : [];
    const command = ['-P', '0', '--log', 'stdout', '-f', file, '-z', zserv];
    const files = ['-i', join(place.dir, `${daemon}.pid`), '--vty_socket', sockets];
    running.set(daemon, place.spawn(daemon, [`/usr/lib/frr/${daemon}`, ...command, ...files, ...own]));
  };
  const ask = (command: string): unknown => {
    if (!existsSync(join(sockets, 'bgpd.vty'))) return {};
    return JSON.parse(place.run('vtysh', '--vty_socket', sockets, '-d', 'bgpd', '-c', command) || '{}');
  };
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    await running.get('bgpd')?.end(signal);
    rmSync(join(sockets, 'bgpd.vty'), { force: true });
  };
  /** zebra first: the others look for it when they start, and then not again for ten seconds. */
  const launchAll = async (): Promise<void> => {
    if (!running.get('zebra')?.isRunning()) {
      launch('zebra', empty);
      await eventually(
        () => existsSync(zserv),
        (exists) => exists,
        { every: 20 },
      );
      launch('bfdd', empty);
    }
    launch('bgpd', config);
  };
  return {
    async start(wanted) {
      mkdirSync(sockets, { recursive: true });
      // They run as a user of their own, which owns what it writes.
      for (const folder of [place.dir, sockets]) place.run('chown', 'frr:frr', folder);
      writeFileSync(empty, '');
      writeFileSync(config, frrText(place, wanted));
      await launchAll();
    },
    async established(family) {
      const summary = ask('show bgp summary json') as Record<string, { peers?: Record<string, { state: string }> }>;
      const neighbor = addressAt(place.number, family, 1);
      return Object.values(summary).some(({ peers }) => peers?.[neighbor]?.state === 'Established');
    },
    async received(prefix) {
      const answer = ask(`show bgp ipv${familyOf(prefix)} unicast ${prefix} json`) as { paths?: readonly FrrPath[] };
      const path = answer.paths?.find(({ peer }) => peer?.peerId !== undefined && peer.peerId !== '(unspec)');
      return path && heard(path);
    },
    kill: () => end('SIGKILL'),
    restart: launchAll,
    stop: () => end('SIGTERM'),
    log: () => place.log('zebra', 'bgpd', 'bfdd'),
  };
};

interface FrrPath {
  readonly aspath: { readonly string: string };
  readonly metric?: number;
  readonly community?: { readonly list?: readonly string[]; readonly string: string };
  readonly largeCommunity?: { readonly string: string };
  readonly nexthops?: readonly { readonly ip: string; readonly scope?: string }[];
  readonly peer?: { readonly peerId?: string };
}

/** FRR writes well-known communities by name. */
const wellKnown: Readonly<Record<string, string>> = {
  'graceful-shutdown': '65535:0',
  gracefulShutdown: '65535:0',
  'no-export': '65535:65281',
  noExport: '65535:65281',
};

function heard({ aspath, metric, community, largeCommunity, nexthops = [] }: FrrPath): HeardRoute {
  const words = (text = ''): string[] => text.split(' ').filter(Boolean);
  return {
    path: words(aspath.string).map(Number).filter(Number.isInteger),
    med: metric,
    communities: words(community?.string)
      .map((word) => wellKnown[word] ?? word)
      .sort(),
    largeCommunities: words(largeCommunity?.string).sort(),
    nextHop: nexthops.find(({ scope }) => scope !== 'link-local')?.ip ?? '',
  };
}

function frrText({ number }: Place, { asNumber, hubAs, sessions, routes }: PeerConfig): string {
  const neighbors = sessions.flatMap((session) => neighborLines(addressAt(number, session.family, 1), hubAs, session));
  const families = ([4, 6] as const).flatMap((family) => [
    ` address-family ipv${family} unicast`,
    ...sessions.map((session) => {
      const isCarried = session.carries === 'both' || session.family === family;
      return `  ${isCarried ? '' : 'no '}neighbor ${addressAt(number, session.family, 1)} activate`;
    }),
    ...routes.flatMap(({ prefix }, index) =>
      familyOf(prefix) === family ? [`  network ${prefix} route-map dress${index}`] : [],
    ),
    ' exit-address-family',
  ]);
  return [
    ...routes.flatMap((route, index) => routeMap(`dress${index}`, route, asNumber)),
    `router bgp ${asNumber}`,
    ` bgp router-id 192.168.${number}.2`,
    // RFC 8212, RFC 4271 §9.1.2: these are tests of the hub's policy, not of FRR's.
    ' no bgp ebgp-requires-policy',
    ' no bgp network import-check',
    ...(sessions.some(({ gracefulRestart }) => gracefulRestart)
      ? [' bgp graceful-restart', ' bgp graceful-restart preserve-fw-state', ' bgp graceful-restart restart-time 60']
      : []),
    ...neighbors,
    ...families,
  ].join('\n');
}

function routeMap(
  name: string,
  { communities = [], largeCommunities = [], med, prepend = 0 }: AnnouncedRoute,
  asNumber: number,
): string[] {
  return [
    `route-map ${name} permit 10`,
    ...(communities.length > 0 ? [` set community ${communities.join(' ')}`] : []),
    ...(largeCommunities.length > 0 ? [` set large-community ${largeCommunities.join(' ')}`] : []),
    ...(med === undefined ? [] : [` set metric ${med}`]),
    ...(prepend > 0 ? [` set as-path prepend ${Array(prepend).fill(asNumber).join(' ')}`] : []),
    'exit',
  ];
}

function neighborLines(neighbor: string, hubAs: number, session: PeerSession): string[] {
  const { password, passive, holdTime = 90, ttlSecurity, role, bfd, carries } = session;
  return [
    `remote-as ${hubAs}`,
    `timers ${Math.floor(holdTime / 3)} ${holdTime}`,
    'timers connect 1',
    'advertisement-interval 0',
    ...(password === undefined ? [] : [`password ${password}`]),
    ...(passive ? ['passive'] : []),
    ...(ttlSecurity ? ['ttl-security hops 1'] : []),
    ...(role ? [`local-role ${role}`] : []),
    ...(bfd ? ['bfd 3 300 300'] : []),
    ...(carries === 'both' ? ['capability extended-nexthop'] : []),
  ].map((line) => ` neighbor ${neighbor} ${line}`);
}
