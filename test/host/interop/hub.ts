/**
 * Our side of every scenario: one router with an Attachment to each peer and to a witness, by the whole way from resources
 * to a running BIRD.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { BirdDaemon, RibEntry, SessionStatus } from '../../../src/bird/daemon.ts';
import { birdText, resolveFor } from '../../../src/bird/hub.fixture.ts';
import { createBirdDaemon } from '../../../src/edge/bird-process.ts';
import type { Family } from '../../../src/net/address.ts';
import type { AttachmentBgp } from '../../../src/resources/attachment.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import { eventually } from '../bird/namespaces.ts';
import { addressAt, type Place, type Star, wireOf } from './star.ts';

export const hubAs = 4_200_000_001;
export const asOf = ({ number }: Place): number => 4_200_000_010 + number;

/** A Site of each place: its own /16 and /32, and prefixes inside by number. */
export const prefixOf = ({ number }: Place, family: Family, index: number): string =>
  family === 4 ? `10.${number}.${index}.0/24` : `fd10:${number}:${index}::/48`;

export interface HubOptions {
  readonly bgp?: (place: Place) => Partial<AttachmentBgp>;
  readonly isDrained?: boolean;
  readonly secrets?: Readonly<Record<string, string>>;
}

export interface Hub {
  readonly daemon: BirdDaemon;
  configure(options?: HubOptions): Promise<void>;
  session(place: Place, family: Family): Promise<SessionStatus>;
  expectState(place: Place, family: Family, isUp: boolean): Promise<SessionStatus>;
  /** What was learned from a place for a prefix. */
  learned(place: Place, family: Family, prefix: string): Promise<RibEntry | undefined>;
  /** Of every session, whatever held it down. */
  enableAll(): void;
  /** What BIRD says to a command of its own. */
  ask(...command: readonly string[]): string;
  /** Without a word to the peers. */
  kill(): Promise<void>;
  log(): string;
}

export function makeHub(star: Star, places: readonly Place[]): Hub {
  const dir = join(star.dir, 'tr1');
  const daemon = createBirdDaemon({ dir, launcher: star.hubLauncher });

  const ask: Hub['ask'] = (...command) => star.hub.run('birdc', '-s', join(dir, 'bird.ctl'), ...command);
  const session: Hub['session'] = async (place, family) => {
    const read = await daemon.sessions();
    if (!read.ok) throw new Error(read.error.message);
    const found = read.value.find(({ neighbor }) => neighbor === addressAt(place.number, family, 2));
    if (!found) throw new Error(`BIRD has no session to ${place.name} over IPv${family}`);
    return found;
  };
  return {
    daemon,
    session,
    async configure(options = {}) {
      expect(await daemon.configure(textFor(places, options))).toEqual({ ok: true, value: undefined });
    },
    expectState: (place, family, isUp) =>
      eventually(
        `${place.name} is ${isUp ? 'up' : 'down'} over IPv${family}`,
        () => session(place, family),
        ({ state }) => (state === 'Established') === isUp,
      ),
    async learned(place, family, prefix) {
      const { name } = await session(place, family);
      const read = await daemon.routes({ session: name });
      if (!read.ok) throw new Error(read.error.message);
      return read.value.find((route) => route.prefix === prefix);
    },
    ask,
    enableAll: () => void ask('enable', 'all'),
    async kill() {
      const pid = Number(readFileSync(join(dir, 'bird.pid'), 'utf8'));
      process.kill(pid, 'SIGKILL');
      await eventually(
        'BIRD has ended',
        () => existsSync(`/proc/${pid}/exe`),
        (exists) => !exists,
      );
    },
    log: () => star.hub.run('tail', '-n', '60', join(dir, 'bird.log')),
  };
}

function textFor(places: readonly Place[], { bgp, isDrained = false, secrets = {} }: HubOptions): string {
  const attachments = places.flatMap((place) => [
    resource('Site', place.name, {
      type: 'vpc',
      prefixes: [`10.${place.number}.0.0/16`, `fd10:${place.number}::/32`],
      segment: 'all',
    }),
    resource('Attachment', place.name, {
      router: 'tr1',
      site: place.name,
      link: { interface: { name: wireOf(place.number) } },
      addresses: {
        local: [`${addressAt(place.number, 4, 1)}/24`, `${addressAt(place.number, 6, 1)}/64`],
        remote: [addressAt(place.number, 4, 2), addressAt(place.number, 6, 2)],
      },
      bgp: { asNumber: asOf(place), bfd: 'off', ...bgp?.(place) },
    }),
  ]);
  const router = resource('Router', 'tr1', { asNumber: hubAs, routerID: '10.255.0.1' });
  const { routing } = resolveFor('tr1', [router, resource('Segment', 'all', {}), ...attachments]);
  return birdText({ ...routing, isDrained }, { secrets: new Map(Object.entries(secrets)) });
}
