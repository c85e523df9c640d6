/**
 * A peer that announces what it must not, and one that breaks the protocol: a speaker of raw bytes against the hub, with a
 * witness beside it that keeps its sessions and its routes through all of it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RefusalReason } from '../../../src/intent/routing/refusal-reasons.ts';
import { readRefusal } from '../../../src/intent/routing/refusal-reasons.ts';
import type { AttachmentBgp } from '../../../src/resources/attachment.ts';
import { eventually, requirePrograms } from '../bird/namespaces.ts';
import { began } from '../bird/session-time.ts';
import { asOf, type Hub, hubAs, makeHub, prefixOf } from './hub.ts';
import type { InteropPeer } from './peer.ts';
import { makeBird } from './peers/bird.ts';
import {
  asPath,
  attribute,
  ipv4,
  longestMessage,
  message,
  nextHop,
  openRawSpeaker,
  optionalTransitive,
  origin,
  type RawSpeaker,
  update,
  wellKnown,
} from './raw-speaker.ts';
import { plain } from './scenario.ts';
import { addressAt, layStar, type Place, type Star } from './star.ts';

let star: Star;
let hub: Hub;
let rogue: Place;
let witness: Place;
let witnessPeer: InteropPeer;
let speaker: RawSpeaker | undefined;
let since: readonly string[];

const uptime = async (): Promise<string[]> =>
  Promise.all(([4, 6] as const).map(async (family) => (await hub.session(witness, family)).since));
/** One prefix that is the rogue's to announce, and is there unless the session is not. */
const honest = (): string => prefixOf(rogue, 4, 1);
const learnedPrefixes = async (): Promise<string[]> => {
  const { name } = await hub.session(rogue, 4);
  const read = await hub.daemon.routes({ session: name });
  if (!read.ok) throw new Error(read.error.message);
  return read.value.map(({ prefix }) => prefix).sort();
};

beforeAll(async () => {
  requirePrograms();
  star = layStar('ih', ['rogue', 'witness']);
  [rogue, witness] = [star.place('rogue'), star.place('witness')];
  hub = makeHub(star, [rogue, witness]);
  witnessPeer = makeBird(witness);
  const routes = ([4, 6] as const).map((family) => ({ prefix: prefixOf(witness, family, 1) }));
  await witnessPeer.start({ asNumber: asOf(witness), hubAs, sessions: plain(), routes });
  await hub.configure();
  for (const family of [4, 6] as const) await hub.expectState(witness, family, true);
  since = await uptime();
});

afterEach(async () => {
  await speaker?.close();
  speaker = undefined;
  expect(await uptime(), 'the witness kept its sessions').toEqual(since.map(began));
  expect(await hub.learned(witness, 4, prefixOf(witness, 4, 1)), 'and its routes').toBeDefined();
});

afterAll(async () => {
  await speaker?.close();
  await witnessPeer?.stop();
  await hub?.daemon.stop();
  await star?.remove();
});

/** A session that has announced its honest prefix. */
async function rogueSession(bgp: Partial<AttachmentBgp> = {}): Promise<RawSpeaker> {
  await hub.configure({ bgp: (place) => (place === rogue ? { gracefulRestart: 'off', ...bgp } : {}) });
  // Whatever the last test left behind: a session held down, or one that waits after an error.
  const { name } = await hub.session(rogue, 4);
  hub.ask('disable', `cw_${name}`);
  hub.ask('enable', `cw_${name}`);
  const opened = await eventually(
    'the rogue is let in',
    async () => {
      speaker = openRawSpeaker({
        launcher: rogueLauncher(),
        hub: addressAt(rogue.number, 4, 1),
        asNumber: asOf(rogue),
        routerId: '192.168.99.2',
      });
      const now = speaker;
      const isUp = await eventually(
        'an answer',
        () => now.isUp() || now.isClosed(),
        (answered) => answered,
      );
      if (isUp && now.isUp()) return now;
      await now.close();
      return undefined;
    },
    (one) => one !== undefined,
  );
  if (!opened) throw new Error('unreachable');
  opened.send(message('keepalive'));
  opened.send(announce([honest()]));
  await eventually('its honest route is learned', learnedPrefixes, (prefixes) => prefixes.includes(honest()));
  return opened;
}

const rogueLauncher = (): readonly string[] => star.hubLauncher.map((word) => word.replace('-hub-', '-rogue-'));

function announce(
  prefixes: readonly string[],
  path: readonly number[] = [asOf(rogue)],
  more: readonly Buffer[] = [],
): Buffer {
  const attributes = [origin, asPath(...path), nextHop(addressAt(rogue.number, 4, 2)), ...more];
  return update({ attributes, nlri: ipv4(...prefixes) });
}

/** An UPDATE of the most bytes there may be for as many prefixes as asked for. */
function flood(count: number): Buffer {
  const perMessage = 750;
  const messages: Buffer[] = [];
  const all = Array.from({ length: count }, (_, i) => `10.${rogue.number}.${(i >> 8) & 0xff}.${i & 0xff}/32`);
  const wide = all.map((prefix, i) => (i < 65_536 ? prefix : prefix.replace(`10.${rogue.number}.`, '11.0.')));
  for (let at = 0; at < count; at += perMessage) messages.push(announce(wide.slice(at, at + perMessage)));
  return Buffer.concat(messages);
}

describe('routes that are not its own to tell', () => {
  const cases: readonly (readonly [string, () => Buffer, RefusalReason | 'dropped'])[] = [
    ['the default route', () => announce(['0.0.0.0/0']), 'defaultRoute'],
    ['a prefix of another Site', () => announce([prefixOf(witness, 4, 1)]), 'outsideSite'],
    ['a more specific one of another Site', () => announce([`10.${witness.number}.1.128/25`]), 'outsideSite'],
    ['a wider one around its own', () => announce(['10.0.0.0/8']), 'outsideSite'],
    ['loopback addresses', () => announce(['127.0.0.0/8']), 'dropped'],
    ['the subnet between us', () => announce([`192.168.${rogue.number}.0/24`]), 'outsideSite'],
    [
      'a path of 200 AS numbers',
      () => announce([prefixOf(rogue, 4, 9)], [asOf(rogue), ...Array<number>(199).fill(65_001)]),
      'pathTooLong',
    ],
    ['a path that begins with another AS', () => announce([prefixOf(rogue, 4, 9)], [65_001]), 'firstAs'],
    ['a path with our AS in it', () => announce([prefixOf(rogue, 4, 9)], [asOf(rogue), hubAs, 65_001]), 'dropped'],
  ];
  it.each(cases)('%s', async (_title, bytes, reason) => {
    const session = await rogueSession();
    session.send(bytes());
    // What follows shows that it has been read.
    session.send(announce([prefixOf(rogue, 4, 2)]));
    await eventually('what follows is learned', learnedPrefixes, (prefixes) =>
      prefixes.includes(prefixOf(rogue, 4, 2)),
    );
    expect(await learnedPrefixes()).toEqual([honest(), prefixOf(rogue, 4, 2)]);
    const { name } = await hub.session(rogue, 4);
    const filtered = hub.ask('show', 'route', 'all', 'filtered', 'protocol', `cw_${name}`);
    const reasons = [...filtered.matchAll(/large_community:(.*)/g)].map(([, list = '']) => {
      const communities = [...list.matchAll(/\((\d+), (\d+), (\d+)\)/g)].map(
        ([, a, b, c]) => [Number(a), Number(b), Number(c)] as const,
      );
      return readRefusal(communities, hubAs)?.reason;
    });
    // Loops and loopback addresses BIRD itself drops, before any filter sees them.
    expect(reasons).toEqual(reason === 'dropped' ? [] : [reason]);
  });
});

describe('100,000 prefixes where 100 were promised', () => {
  it.each(['down', 'block'] as const)('with action %s', async (action) => {
    const limit = { limit: 100, action };
    const session = await rogueSession({ maxPrefixes: { receive: { ipv4: limit } } });
    const before = residentKilobytes();
    session.send(flood(100_000));
    const { name } = await hub.session(rogue, 4);
    if (action === 'down') {
      await eventually(
        'the session is down',
        () => hub.session(rogue, 4),
        ({ state, lastError }) => state === 'Down' && /limit/i.test(lastError ?? ''),
      );
      // Cease, maximum number of prefixes reached (RFC 4486).
      await eventually(
        'it is told why',
        () => session.notification(),
        (told) => told?.code === 6 && told.subcode === 1,
      );
    } else {
      await eventually(
        'the limit is reached',
        async () => (await hub.session(rogue, 4)).channels[0],
        (channel) => (channel?.imported ?? 0) + (channel?.filtered ?? 0) === 100,
      );
      expect((await hub.session(rogue, 4)).state).toBe('Established');
      session.send(update({ withdrawn: ipv4(honest()) }));
      await eventually('the flood is read to its end', learnedPrefixes, (prefixes) => !prefixes.includes(honest()));
    }
    expect(hub.ask('show', 'route', 'count', 'protocol', `cw_${name}`)).toMatch(
      action === 'down' ? /^0 of|\b0 of/ : /99 of|100 of/,
    );
    // 100,000 routes would be some 20 MB.
    expect(residentKilobytes() - before).toBeLessThan(10_000);
  });
});

describe('broken messages', () => {
  const good = (): Buffer[] => [origin, asPath(asOf(rogue)), nextHop(addressAt(rogue.number, 4, 2))];
  const nlri = (): Buffer => ipv4(prefixOf(rogue, 4, 9));
  const withAttributes = (...attributes: readonly Buffer[]): Buffer => update({ attributes, nlri: nlri() });
  const padded = (length: number): Buffer => {
    const rest = length - withAttributes(...good(), attribute(optionalTransitive, 200, Buffer.alloc(256))).length;
    return withAttributes(...good(), attribute(optionalTransitive, 200, Buffer.alloc(256 + rest)));
  };

  /**
   * `withdraw`: the route is not taken, or is withdrawn, and the session goes on (RFC 7606 §2). `reset`: the session ends with
   * this code of RFC 4271 §6. `accept`: nothing is wrong with it after all.
   */
  type Outcome = 'withdraw' | 'accept' | { readonly reset: readonly [code: number, subcode: number] };
  const cases: readonly (readonly [string, () => Buffer, Outcome])[] = [
    [
      'an attribute that is longer than all of them',
      () => withAttributes(...good(), attribute(optionalTransitive, 8, Buffer.alloc(4), 200)),
      'withdraw',
    ],
    [
      'a list of communities that ends in the middle of one',
      () => withAttributes(...good(), attribute(optionalTransitive, 8, Buffer.alloc(5))),
      'withdraw',
    ],
    [
      'an origin of no known kind',
      () => withAttributes(attribute(wellKnown, 1, Buffer.from([7])), ...good().slice(1)),
      'withdraw',
    ],
    [
      'an origin of two bytes',
      () => withAttributes(attribute(wellKnown, 1, Buffer.from([0, 0])), ...good().slice(1)),
      'withdraw',
    ],
    [
      'an origin that says it is optional',
      () => withAttributes(attribute(optionalTransitive, 1, Buffer.from([0])), ...good().slice(1)),
      'withdraw',
    ],
    ['no origin', () => withAttributes(...good().slice(1)), 'withdraw'],
    ['no path', () => withAttributes(origin, ...good().slice(2)), 'withdraw'],
    ['no next hop', () => withAttributes(...good().slice(0, 2)), 'withdraw'],
    [
      'a path segment that is longer than the path',
      () => withAttributes(origin, attribute(wellKnown, 2, Buffer.from([2, 9, 0, 0, 0, 1])), ...good().slice(2)),
      'withdraw',
    ],
    ['an attribute twice', () => withAttributes(...good(), origin), 'accept'],
    [
      'a well-known attribute that nobody knows',
      () => withAttributes(...good(), attribute(wellKnown, 99, Buffer.alloc(4))),
      'withdraw',
    ],
    [
      'a prefix of 33 bits',
      () => update({ attributes: good(), nlri: Buffer.from([33, 10, 1, 9, 0, 0]) }),
      { reset: [3, 10] },
    ],
    [
      'a prefix that ends too early',
      () => update({ attributes: good(), nlri: Buffer.from([24, 10]) }),
      { reset: [3, 1] },
    ],
    [
      'attributes that are said to be longer than the message',
      () => update({ attributes: good(), nlri: nlri(), attributesLength: 4000 }),
      { reset: [3, 1] },
    ],
    ['a message said to be shorter than its header', () => message('update', Buffer.alloc(4), 18), { reset: [1, 2] }],
    [
      'a message said to be longer than any',
      () => message('update', Buffer.alloc(4), longestMessage + 1),
      { reset: [1, 2] },
    ],
    ['no marker', () => Buffer.alloc(19, 0), { reset: [1, 1] }],
    ['a message of exactly 4,096 bytes', () => padded(longestMessage), 'accept'],
    ['a message of 4,097 bytes', () => padded(longestMessage + 1), { reset: [1, 2] }],
  ];

  it.each(cases)('%s', async (_title, bytes, outcome) => {
    const session = await rogueSession();
    session.send(bytes());
    if (typeof outcome === 'object') {
      const told = await eventually(
        'the session ends',
        () => session.notification(),
        (said) => said !== undefined,
      );
      expect([told?.code, told?.subcode]).toEqual(outcome.reset);
      await eventually('its routes are gone', learnedPrefixes, (prefixes) => prefixes.length === 0);
      return;
    }
    session.send(announce([prefixOf(rogue, 4, 2)]));
    await eventually('what follows is learned', learnedPrefixes, (prefixes) =>
      prefixes.includes(prefixOf(rogue, 4, 2)),
    );
    const taken = outcome === 'accept' ? [prefixOf(rogue, 4, 9)] : [];
    expect(await learnedPrefixes()).toEqual([honest(), prefixOf(rogue, 4, 2), ...taken]);
    expect(session.notification()).toBeUndefined();
  });

  it('half a message, and then silence, costs nobody anything', async () => {
    const session = await rogueSession();
    session.send(withAttributes(...good()).subarray(0, 30));
    expect(await learnedPrefixes()).toEqual([honest()]);
    await session.close();
    await eventually('the session has ended', learnedPrefixes, (prefixes) => prefixes.length === 0);
  });
});

/** Of the hub's BIRD. */
function residentKilobytes(): number {
  const pid = readFileSync(join(star.dir, 'tr1/bird.pid'), 'utf8').trim();
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
}
