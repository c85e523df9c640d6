/** WireGuard links between two real ends, with real packets. */
import { readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endpointAt } from '../../../src/intent/links/wireguard-link.fixture.ts';
import { eventually } from '../bird/namespaces.ts';
import {
  device,
  type End,
  inside,
  joinByWireguard,
  makePresharedKey,
  must,
  outside,
  outside6,
  port,
  requireWireguard,
  strangersKey,
  type WireguardPair,
} from './wireguard-pair.ts';

let pair: WireguardPair;

beforeAll(async () => {
  requireWireguard();
  pair = await joinByWireguard('wg');
});
afterAll(() => pair.remove());

const ends: readonly End[] = ['a', 'b'];
const privateKeyOf = (end: End): string => readFileSync(join(pair.folders(end).keys, `${device}.key`), 'utf8').trim();
const presharedKey = makePresharedKey();
const withPresharedKey = {
  peer: { presharedKey: { name: 'site', key: 'psk' } },
  secrets: new Map([['site/psk', presharedKey]]),
};

async function bothUp(): Promise<void> {
  await pair.ensure('b');
  for (const end of ends) await pair.untilUp(end);
}

describe('before the peer knows us', () => {
  it('the public key is told, with what to check, and the inside addresses are not there yet', async () => {
    const report = await pair.ensure('a', { peer: { publicKey: strangersKey } });
    expect(report).toMatchObject({
      state: 'down',
      reason: expect.stringContaining(must(report.wireguard?.publicKey ?? undefined)),
      wireguard: { publicKey: expect.stringMatching(/^.{43}=$/), latestHandshake: null },
    });
    expect(pair.addressesOf('a')).toEqual([]);
  });
});

describe('a tunnel', () => {
  beforeAll(bothUp);

  it('carries both families, on a device that is marked as ours and has its MTU', () => {
    expect(ends.map((end) => pair.answers(end))).toEqual([true, true]);
    const [facts] = JSON.parse(pair.run('a', 'ip', '-json', 'link', 'show', 'dev', device));
    expect(facts).toMatchObject({ ifalias: 'causeway a to-b', mtu: 1420 });
  });

  it('shows WireGuard outside and nothing of what is inside, and every packet has our mark', async () => {
    const rule = (is: string, name: string) =>
      `udp dport ${port} meta mark & 0x10000000 ${is} 0 counter comment "${name}"`;
    const rules = [rule('==', 'unmarked'), rule('!=', 'marked')].join('\n');
    const ruleset = `table inet seen { chain out { type filter hook output priority 0\n${rules}\n}\n}`;
    pair.run('a', 'sh', '-c', `echo '${ruleset}' | nft -f -`);
    const capture = await pair.capture('a', ['wire', device]);
    const [wire = '', within = ''] = capture.files;
    // "causeway" over and over.
    for (const address of inside.b) pair.run('a', 'ping', '-c', '3', '-i', '0.1', '-p', '6361757365776179', address);
    // Transport data has type 4 (whitepaper §5.4.6). Six requests and six replies; tcpdump may write them down later.
    const seen = () => [capture.count(wire, `udp port ${port} and udp[8] = 4`), capture.count(within, 'icmp or icmp6')];
    await eventually('all are captured', seen, (counts) => counts.every((count) => count >= 12));
    await capture.close();
    expect(readFileSync(within).includes('causeway')).toBe(true);
    expect(readFileSync(wire).includes('causeway')).toBe(false);
    expect(capture.count(wire, 'icmp or tcp')).toBe(0);
    const listing = pair.run('a', 'nft', 'list', 'table', 'inet', 'seen');
    pair.run('a', 'nft', 'delete', 'table', 'inet', 'seen');
    expect(listing).toMatch(/packets 0 bytes 0 comment "unmarked"/);
    expect(listing).toMatch(/packets [1-9]\d* bytes \d+ comment "marked"/);
  });

  it('is left alone when nothing changed, and by a successor of whoever made it', async () => {
    const state = () => [pair.pidOf('a'), pair.run('a', 'ip', '-o', 'link', 'show', 'dev', device)];
    const before = state();
    const commands = pair.commands().length;
    await pair.ensure('a');
    pair.renew('a');
    expect(await pair.ensure('a')).toMatchObject({ state: 'up' });
    expect(state()).toEqual(before);
    expect(pair.commands().slice(commands)).not.toMatch(/syncconf|ip link|ip addr|wireguard-go/);
  });

  it('follows a peer that moved to another address and port, and does not send it back', async () => {
    for (const end of ends) pair.run(end, 'ip', 'addr', 'add', `192.168.1.${end === 'a' ? 1 : 2}/24`, 'dev', 'wire');
    pair.run('b', 'ip', 'addr', 'del', `${outside.b}/30`, 'dev', 'wire');
    pair.run('b', 'ip', 'route', 'add', outside.a, 'via', '192.168.1.1');
    await pair.ensure('b', { listenPort: 51999 });
    await eventually('b is heard', () => pair.answers('b'), Boolean);
    for (const _ of ['once', 'again']) {
      expect(await pair.ensure('a')).toMatchObject({ state: 'up', wireguard: { endpoint: '192.168.1.2:51999' } });
    }
    expect(pair.answers('a')).toBe(true);
    pair.run('b', 'ip', 'route', 'del', outside.a);
    for (const end of ends) pair.run(end, 'ip', 'addr', 'del', `192.168.1.${end === 'a' ? 1 : 2}/24`, 'dev', 'wire');
    pair.run('b', 'ip', 'addr', 'add', `${outside.b}/30`, 'dev', 'wire');
    await pair.ensure('b');
    await eventually('b is back', () => pair.answers('b'), Boolean);
  });

  it('follows a peer that moved to IPv6', async () => {
    await pair.ensure('b', { peer: { endpoint: endpointAt(outside6.a, port) } });
    await eventually('b is heard', () => pair.answers('b'), Boolean);
    expect(await pair.ensure('a')).toMatchObject({ state: 'up', wireguard: { endpoint: `[${outside6.b}]:${port}` } });
    await pair.ensure('b');
    await eventually('b is back', () => pair.answers('b'), Boolean);
    expect(await pair.ensure('a')).toMatchObject({ wireguard: { endpoint: `${outside.b}:${port}` } });
  });

  it('with another key than the peer has passes nothing and has no inside addresses', async () => {
    const report = await pair.ensure('a', { peer: { publicKey: strangersKey } });
    expect(report).toMatchObject({ state: 'down', reason: expect.stringContaining(strangersKey) });
    expect(pair.addressesOf('a')).toEqual([]);
    expect(pair.answers('b')).toBe(false);
    await pair.untilUp('a');
    await eventually('packets pass', () => pair.answers('b'), Boolean);
  });

  it('goes on when both are given a preshared key, and when it is taken back', async () => {
    await pair.ensure('a', withPresharedKey);
    await pair.ensure('b', withPresharedKey);
    await eventually('they agree', () => pair.answers('a'), Boolean);
    for (const end of ends) await pair.ensure(end);
    await eventually('they agree on none', () => pair.answers('a'), Boolean);
  });
});

describe('what goes wrong', () => {
  const rings = { a: 0 };
  beforeAll(async () => {
    await bothUp();
    pair.driver('a').watch(() => {
      rings.a += 1;
    });
  });

  it.each([
    ['is killed', 'SIGKILL'],
    ['hangs', 'SIGSTOP'],
  ] as const)(
    'a daemon that %s is missed, and started again as it was',
    async (_what, signal) => {
      const [pid, before] = [must(pair.pidOf('a')), rings.a];
      process.kill(pid, signal);
      await eventually(
        'it rings',
        () => rings.a,
        (count) => count > before,
        40_000,
      );
      expect(pair.run('a', 'ip', '-o', 'link')).not.toContain(device);
      await pair.untilUp('a');
      expect(pair.pidOf('a')).not.toBe(pid);
      await eventually('packets pass', () => pair.answers('a'), Boolean);
    },
    90_000,
  );

  it('a daemon whose pid file is gone is replaced', async () => {
    const pid = must(pair.pidOf('a'));
    rmSync(join(pair.folders('a').run, `${device}.pid`));
    await pair.untilUp('a');
    expect(pair.pidOf('a')).not.toBe(pid);
    await eventually(
      'the other one ends',
      () => readCommand(String(pid)),
      (command) => !command.includes('wireguard-go'),
    );
    await eventually('packets pass', () => pair.answers('a'), Boolean);
  });

  it('a log that grew too long is cut', async () => {
    const log = join(pair.folders('a').run, `${device}.log`);
    truncateSync(log, 9 * 1024 * 1024);
    await pair.ensure('a');
    expect(statSync(log).size).toBe(0);
  });

  it('a device that somebody renamed is made anew, and nothing is left of it', async () => {
    pair.run('a', 'ip', 'link', 'set', 'dev', device, 'name', 'theirs');
    await pair.untilUp('a');
    expect(pair.run('a', 'ip', '-o', 'link')).not.toContain('theirs');
    await eventually('packets pass', () => pair.answers('a'), Boolean);
  });

  it('a peer that is gone takes the inside addresses and the session of BIRD with it, and one that is reborn brings them back', async () => {
    const before = rings.a;
    const sessions = pair.speakBgp();
    await eventually('sessions', sessions, (text) => text.includes('Established'), 30_000);
    process.kill(must(pair.pidOf('b')), 'SIGKILL');
    // With traffic: an idle tunnel asks for no answer.
    const ringsWhileAsked = () => (pair.answers('a') ? before : rings.a);
    await eventually('it rings', ringsWhileAsked, (count) => count > before, 50_000);
    // The hold time is four minutes: it is not what ends the session.
    await eventually('no session', sessions, (text) => !text.includes('Established'));
    expect(pair.addressesOf('a')).toEqual([]);
    expect(await pair.ensure('a')).toMatchObject({ state: 'down', reason: expect.stringContaining('silent') });
    await pair.ensure('b');
    await eventually(
      'the addresses are back',
      () => pair.addressesOf('a'),
      (addresses) => addresses.length === 2,
    );
    await eventually('packets pass', () => pair.answers('b'), Boolean);
    await eventually('sessions', sessions, (text) => text.includes('Established'), 30_000);
  }, 150_000);

  it.each([
    ['missing', undefined, 'secret site/psk is missing'],
    ['no key', 'a password', 'secret site/psk is no WireGuard key'],
  ])('a preshared key that is %s lets nothing pass', async (_what, value, reason) => {
    const secrets = new Map(value === undefined ? [] : [['site/psk', value]]);
    const report = await pair.ensure('a', { ...withPresharedKey, secrets });
    expect(report).toMatchObject({ state: 'failed', reason: expect.stringContaining(reason) });
    expect(pair.answers('a')).toBe(false);
    await pair.untilUp('a');
  });

  it('a port that is taken and a device of somebody else fail alone', async () => {
    pair.run('a', 'ip', 'link', 'add', 'theirs', 'type', 'veth', 'peer', 'name', 'theirs-peer');
    const links = [
      pair.link('a', { interfaceName: 'theirs', listenPort: 51830 }),
      pair.link('a', { peer: { endpoint: undefined } }),
      pair.link('a', { interfaceName: 'wg9', attachment: 'another' }),
    ];
    const reports = await pair.driver('a').ensure(links, new Map());
    expect(reports).toMatchObject([
      { state: 'failed', reason: expect.stringContaining("not this router's") },
      { interfaceName: device, reason: null },
      { state: 'failed', reason: expect.stringContaining('in use') },
    ]);
    expect(pair.run('a', 'ip', '-o', 'addr', 'show', 'dev', 'theirs')).not.toContain(inside.a[0]);
    await pair.ensure('a');
    expect(pair.run('a', 'ip', '-o', 'link')).toMatch(/theirs@(?!.*wg9)/s);
    pair.run('a', 'ip', 'link', 'del', 'theirs');
  });

  it('a key that others may read is refused, and is not replaced', async () => {
    const file = join(pair.folders('a').keys, `${device}.key`);
    const before = privateKeyOf('a');
    pair.run('a', 'chmod', '644', file);
    expect(await pair.ensure('a')).toMatchObject({ state: 'failed', reason: expect.stringContaining('chmod 600') });
    pair.run('a', 'chmod', '600', file);
    expect(privateKeyOf('a')).toBe(before);
    await pair.untilUp('a');
  });
});

describe('in the end', () => {
  it('secrets are in their files alone: in no command, no log, no report', async () => {
    const report = await pair.ensure('a', withPresharedKey);
    const secrets = [presharedKey, ...ends.map(privateKeyOf)];
    const running = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(readCommand);
    const files = ends.flatMap((end) => filesIn(pair.folders(end).run));
    const texts = [pair.commands(), JSON.stringify(report), ...running, ...files];
    expect(files.length).toBeGreaterThan(0);
    for (const secret of secrets) expect(texts.filter((text) => text.includes(secret))).toEqual([]);
    for (const end of ends) expect(statSync(join(pair.folders(end).keys, `${device}.key`)).mode & 0o777).toBe(0o600);
    const limits = readFileSync(`/proc/${must(pair.pidOf('a'))}/limits`, 'utf8');
    expect(limits).toMatch(/^Max core file size +0 +0 /m);
  });

  it('a link that is not wanted any more leaves no device, no process and no file but its key, and comes back as it was', async () => {
    const pid = must(pair.pidOf('a'));
    const before = (await pair.ensure('a')).wireguard?.publicKey;
    expect(await pair.driver('a').ensure([], new Map())).toEqual([]);
    expect(pair.run('a', 'ip', '-o', 'link')).not.toContain(device);
    expect(readCommand(String(pid))).not.toContain('wireguard-go');
    expect(readdirSync(pair.folders('a').run)).toEqual([]);
    expect((await pair.ensure('a')).wireguard?.publicKey).toBe(before);
  });
});

function filesIn(folder: string): string[] {
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, 'utf8'));
}

function readCommand(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // it ended meanwhile
  }
}
