/**
 * ExaBGP: no router but a speaker with a program behind it. It keeps no table, so what arrives is read from the messages it
 * hands to its program as JSON, in their order.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnnouncedRoute, HeardRoute, MakePeer, PeerConfig, PeerSession } from '../peer.ts';
import { familyOf } from '../peer.ts';
import { addressAt, type Place, type RunningProgram } from '../star.ts';

export const makeExabgp: MakePeer = (place) => {
  const config = join(place.dir, 'exabgp.conf');
  const script = join(place.dir, 'record.sh');
  const record = join(place.dir, 'messages.json');
  let daemon: RunningProgram | undefined;
  let listens = true;
  const launch = (): void => {
    daemon = place.spawn('exabgp', ['exabgp', config], {
      'exabgp.daemon.user': 'root',
      'exabgp.daemon.drop': 'false',
      'exabgp.api.cli': 'false',
      'exabgp.api.ack': 'false',
      'exabgp.tcp.bind': listens ? ([4, 6] as const).map((family) => addressAt(place.number, family, 2)).join(' ') : '',
      'exabgp.log.packets': 'false',
    });
  };
  /** A message may still be half written: the last line counts once it ends. */
  const messages = (): readonly ExabgpMessage[] => {
    if (!existsSync(record)) return [];
    const lines = readFileSync(record, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as ExabgpMessage);
  };
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    await daemon?.end(signal);
    rmSync(record, { force: true });
  };
  return {
    async start(wanted) {
      rmSync(record, { force: true });
      // Its own output stays open: ExaBGP takes the end of that for the program's death.
      writeFileSync(script, `#!/bin/sh\nexec 3>&1\nexec cat >>${record}\n`, { mode: 0o755 });
      // What it accepts has another TTL than asked for; only what it opens has the right one.
      listens = !wanted.sessions.some(({ ttlSecurity }) => ttlSecurity);
      writeFileSync(config, exabgpText(place, wanted, script));
      launch();
    },
    async established(family) {
      const own = messages().filter(({ neighbor }) => neighbor?.address.peer === addressAt(place.number, family, 1));
      return own.reduce((isUp, { type, neighbor }) => (type === 'state' ? neighbor?.state === 'up' : isUp), false);
    },
    async received(prefix) {
      let last: HeardRoute | undefined;
      for (const { neighbor } of messages()) {
        if (neighbor?.state === 'down') last = undefined;
        const update = neighbor?.message?.update;
        const nextHops = update?.announce?.[`ipv${familyOf(prefix)} unicast`] ?? {};
        for (const [nextHop, routes] of Object.entries(nextHops)) {
          // The second of two next hops, for the same routes (RFC 2545 §3).
          if (nextHop.startsWith('fe80:')) continue;
          if (routes.some(({ nlri }) => nlri === prefix)) last = heard(update?.attribute ?? {}, nextHop);
        }
        const withdrawn = update?.withdraw?.[`ipv${familyOf(prefix)} unicast`] ?? [];
        if (withdrawn.some(({ nlri }) => nlri === prefix)) last = undefined;
      }
      return last;
    },
    kill: () => end('SIGKILL'),
    restart: async () => launch(),
    stop: () => end('SIGTERM'),
    log: () => place.log('exabgp'),
  };
};

interface ExabgpAttributes {
  readonly 'as-path'?: readonly number[];
  readonly med?: number;
  readonly community?: readonly (readonly number[])[];
  readonly 'large-community'?: readonly (readonly number[])[];
}

interface ExabgpMessage {
  readonly type: string;
  readonly neighbor?: {
    readonly address: { readonly peer: string };
    readonly state?: string;
    readonly message?: {
      readonly update?: {
        readonly attribute?: ExabgpAttributes;
        readonly announce?: Readonly<Record<string, Readonly<Record<string, readonly { readonly nlri?: string }[]>>>>;
        readonly withdraw?: Readonly<Record<string, readonly { readonly nlri?: string }[]>>;
      };
    };
  };
}

function heard(attributes: ExabgpAttributes, nextHop: string): HeardRoute {
  const joined = (lists: readonly (readonly number[])[] = []): string[] => lists.map((list) => list.join(':')).sort();
  return {
    path: attributes['as-path'] ?? [],
    med: attributes.med,
    communities: joined(attributes.community),
    largeCommunities: joined(attributes['large-community']),
    nextHop,
  };
}

function exabgpText({ number }: Place, config: PeerConfig, script: string): string {
  const neighbors = config.sessions.map((session) => neighborText(number, config, session));
  return `process record { run ${script}; encoder json; }\n${neighbors.join('\n')}`;
}

function neighborText(number: number, { asNumber, hubAs, routes }: PeerConfig, session: PeerSession): string {
  const { family, carries, password, passive, holdTime = 90, ttlSecurity, gracefulRestart } = session;
  const carried = carries === 'both' ? ([4, 6] as const) : [family];
  const own = routes.filter(({ prefix }) => carried.includes(familyOf(prefix)));
  return `neighbor ${addressAt(number, family, 1)} {
  router-id 192.168.${number}.2;
  local-address ${addressAt(number, family, 2)};
  local-as ${asNumber};
  peer-as ${hubAs};
  hold-time ${holdTime};
  passive ${passive === true};
  ${passive ? 'listen 179;' : ''}
  ${password === undefined ? '' : `md5-password ${password};`}
  ${ttlSecurity ? 'outgoing-ttl 255; incoming-ttl 255;' : ''}
  capability { asn4 enable; ${gracefulRestart ? 'graceful-restart 60;' : ''} ${carries === 'both' ? 'nexthop enable;' : ''} }
  family { ${carried.map((one) => `ipv${one} unicast;`).join(' ')} }
  ${carries === 'both' ? 'nexthop { ipv4 unicast ipv6; }' : ''}
  static { ${own.map((route) => routeText(route, addressAt(number, family, 2), asNumber)).join('\n')} }
  api { processes [ record ]; neighbor-changes; receive { parsed; update; } }
}`;
}

function routeText(route: AnnouncedRoute, nextHop: string, asNumber: number): string {
  const { prefix, communities = [], largeCommunities = [], med, prepend = 0 } = route;
  const path = Array(prepend + 1).fill(asNumber);
  return [
    `route ${prefix} next-hop ${nextHop} as-path [ ${path.join(' ')} ]`,
    ...(communities.length > 0 ? [`community [ ${communities.join(' ')} ]`] : []),
    ...(largeCommunities.length > 0 ? [`large-community [ ${largeCommunities.join(' ')} ]`] : []),
    ...(med === undefined ? [] : [`med ${med}`]),
  ]
    .join(' ')
    .concat(';');
}
