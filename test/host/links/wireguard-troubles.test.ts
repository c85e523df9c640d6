/** WireGuard links whose daemons, devices, files and peers are taken away, or are not what they should be. */
import { rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../bird/namespaces.ts';
import {
  device,
  inside,
  joinByWireguard,
  must,
  readCommand,
  requireWireguard,
  type WireguardPair,
} from './wireguard-pair.ts';

let pair: WireguardPair;

beforeAll(async () => {
  requireWireguard();
  pair = await joinByWireguard('wgt');
});
afterAll(() => pair.remove());

const withPresharedKey = { peer: { presharedKey: { name: 'site', key: 'psk' } } };

describe('what goes wrong', () => {
  const rings = { a: 0 };
  beforeAll(async () => {
    await pair.bothUp();
    pair.driver('a').watch(() => {
      rings.a += 1;
    });
  });

  it.each([
    ['is killed', 'SIGKILL'],
    ['hangs', 'SIGSTOP'],
  ] as const)('a daemon that %s is missed, and started again as it was', async (_what, signal) => {
    const [pid, before] = [must(pair.pidOf('a')), rings.a];
    process.kill(pid, signal);
    await eventually(
      'it rings',
      () => rings.a,
      (count) => count > before,
    );
    expect(pair.run('a', 'ip', '-o', 'link')).not.toContain(device);
    await pair.untilUp('a');
    expect(pair.pidOf('a')).not.toBe(pid);
    await eventually('packets pass', () => pair.answers('a'), Boolean);
  });

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
    await eventually('sessions', sessions, (text) => text.includes('Established'));
    process.kill(must(pair.pidOf('b')), 'SIGKILL');
    // With traffic: an idle tunnel asks for no answer.
    const ringsWhileAsked = () => (pair.answers('a') ? before : rings.a);
    await eventually('it rings', ringsWhileAsked, (count) => count > before, 120_000);
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
    await eventually('sessions', sessions, (text) => text.includes('Established'));
  });

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
      { state: 'failed', reason: expect.stringContaining('UDP port 51820 is in use already') },
    ]);
    expect(pair.run('a', 'ip', '-o', 'addr', 'show', 'dev', 'theirs')).not.toContain(inside.a[0]);
    await pair.ensure('a');
    expect(pair.run('a', 'ip', '-o', 'link')).toMatch(/theirs@(?!.*wg9)/s);
    pair.run('a', 'ip', 'link', 'del', 'theirs');
  });

  it('a key that others may read is refused, and is not replaced', async () => {
    const file = join(pair.folders('a').keys, `${device}.key`);
    const before = pair.privateKeyOf('a');
    pair.run('a', 'chmod', '644', file);
    expect(await pair.ensure('a')).toMatchObject({ state: 'failed', reason: expect.stringContaining('chmod 600') });
    pair.run('a', 'chmod', '600', file);
    expect(pair.privateKeyOf('a')).toBe(before);
    await pair.untilUp('a');
  });
});
