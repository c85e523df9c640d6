/** BIRD 2, by a configuration written by hand: one of the other side's, not made by our compiler. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRoutes } from '../../../../src/bird/read.ts';
import { connectBird } from '../../../../src/edge/bird-control.ts';
import type { AnnouncedRoute, HeardRoute, MakePeer, PeerConfig, PeerSession } from '../peer.ts';
import { familyOf } from '../peer.ts';
import { addressAt, type Place, type RunningProgram } from '../star.ts';

export const makeBird: MakePeer = (place) => {
  const config = join(place.dir, 'bird.conf');
  const socket = join(place.dir, 'bird.ctl');
  let daemon: RunningProgram | undefined;
  const launch = (...more: readonly string[]): void => {
    daemon = place.spawn('bird', [
      'bird',
      '-f',
      '-c',
      config,
      '-s',
      socket,
      '-P',
      join(place.dir, 'bird.pid'),
      ...more,
    ]);
  };
  return {
    async start(wanted) {
      writeFileSync(config, birdText(place, wanted));
      launch();
    },
    async established(family) {
      if (!existsSync(socket)) return false;
      return place.run('birdc', '-s', socket, 'show', 'protocols').includes('Established')
        ? / Established/.test(place.run('birdc', '-s', socket, 'show', 'protocols', `hub${family}`))
        : false;
    },
    async received(prefix) {
      const control = await connectBird(socket);
      if (!control.ok) return undefined;
      const reply = await control.value.run({ kind: 'show-routes' });
      control.value.close();
      if (!reply.ok) return undefined;
      const route = readRoutes(reply.value).find((one) => one.prefix === prefix && one.protocol.startsWith('hub'));
      if (!route) return undefined;
      const numbers = (key: string): string[] =>
        [...(route.attributes[key] ?? '').matchAll(/\(([^)]*)\)/g)].map(([, list = '']) => list.replace(/, ?/g, ':'));
      const med = route.attributes['BGP.med'];
      return {
        path: (route.attributes['BGP.as_path'] ?? '').split(' ').map(Number),
        med: med === undefined ? undefined : Number(med),
        communities: numbers('BGP.community').sort(),
        largeCommunities: numbers('BGP.large_community').sort(),
        nextHop: (route.attributes['BGP.next_hop'] ?? '').split(' ')[0] ?? '',
      } satisfies HeardRoute;
    },
    async kill() {
      await daemon?.end('SIGKILL');
      rmSync(socket, { force: true });
    },
    restart: async () => launch('-R'),
    async stop() {
      await daemon?.end('SIGTERM');
      rmSync(socket, { force: true });
    },
    log: () => place.log('bird'),
  };
};

function birdText({ number }: Place, { asNumber, hubAs, sessions, routes }: PeerConfig): string {
  const statics = ([4, 6] as const).map((family) => {
    const lines = routes.filter(({ prefix }) => familyOf(prefix) === family).map(routeLine);
    return `protocol static static${family} { ipv${family}; ${lines.join('\n')} }`;
  });
  const bgp = sessions.map((session) => {
    const { family } = session;
    return `protocol bgp hub${family} {
      local ${addressAt(number, family, 2)} as ${asNumber}; neighbor ${addressAt(number, family, 1)} as ${hubAs};
      connect delay time 1; error wait time 1, 2; connect retry time 1; hold time ${session.holdTime ?? 90};
      ${options(session)}
      ${channels(session, asNumber, routes)} }`;
  });
  return ['log stderr all;', `router id 192.168.${number}.2;`, 'protocol device {}', 'protocol bfd {}']
    .concat(statics, bgp)
    .join('\n');
}

function routeLine({ prefix, communities = [], largeCommunities = [] }: AnnouncedRoute): string {
  const list = (text: string): string => `(${text.replaceAll(':', ', ')})`;
  const dress = [
    ...communities.map((community) => `bgp_community.add(${list(community)});`),
    ...largeCommunities.map((community) => `bgp_large_community.add(${list(community)});`),
  ];
  return `route ${prefix} blackhole { ${dress.join(' ')} };`;
}

function options({ password, passive, ttlSecurity, role, gracefulRestart, bfd }: PeerSession): string {
  return [
    password === undefined ? '' : `password "${password}";`,
    passive ? 'passive;' : '',
    ttlSecurity ? 'ttl security on;' : '',
    role ? `local role ${role};` : '',
    gracefulRestart ? 'graceful restart on; graceful restart time 60;' : '',
    bfd ? 'bfd { interval 300 ms; multiplier 3; };' : '',
  ].join(' ');
}

function channels({ family, carries }: PeerSession, asNumber: number, routes: readonly AnnouncedRoute[]): string {
  const dresses = routes.map(({ prefix, prepend = 0, med }) => {
    const prepends = `bgp_path.prepend(${asNumber}); `.repeat(prepend);
    // A MED set earlier does not leave the AS.
    return `if net = ${prefix} then { ${prepends} ${med === undefined ? '' : `bgp_med = ${med};`} }`;
  });
  return (carries === 'both' ? ([4, 6] as const) : [family])
    .map((one) => {
      const own = dresses.filter((text) => text.includes(':') === (one === 6));
      const extended = one === 4 && family === 6 ? 'extended next hop on;' : '';
      return `ipv${one} { import all; ${extended}
        export filter { if source != RTS_STATIC then reject; ${own.join(' ')} accept; }; };`;
    })
    .join('\n');
}
