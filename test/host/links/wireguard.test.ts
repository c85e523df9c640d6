/** WireGuard links between two real ends, with real packets. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endpointAt } from '../../../src/intent/links/wireguard-link.fixture.ts';
import { eventually } from '../bird/namespaces.ts';
import {
  device,
  ends,
  inside,
  joinByWireguard,
  makePresharedKey,
  must,
  outside,
  outside6,
  port,
  readCommand,
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

const presharedKey = makePresharedKey();
const withPresharedKey = {
  peer: { presharedKey: { name: 'site', key: 'psk' } },
  secrets: new Map([['site/psk', presharedKey]]),
};

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
  beforeAll(() => pair.bothUp());

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

  it('carries packets of its MTU whole, in fragments where what is below carries less', async () => {
    const largest = () =>
      inside.b.map((address) => {
        const payload = `${1420 - (address.includes(':') ? 48 : 28)}`;
        return pair
          .run('a', 'ping', '-c', '1', '-W', '2', '-M', 'do', '-s', payload, address)
          .includes(' 0% packet loss');
      });
    expect(largest()).toEqual([true, true]);
    for (const end of ends) pair.run(end, 'ip', 'link', 'set', 'dev', 'wire', 'mtu', '1300');
    const capture = await pair.capture('a', ['wire']);
    expect(largest()).toEqual([true, true]);
    const fragments = () => capture.count(capture.files[0] ?? '', 'ip[6:2] & 0x1fff != 0');
    // Two requests and two replies: the second part of each.
    await eventually('all are captured', fragments, (count) => count >= 4);
    await capture.close();
    for (const end of ends) pair.run(end, 'ip', 'link', 'set', 'dev', 'wire', 'mtu', '1500');
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

describe('in the end', () => {
  it('secrets are in their files alone: in no command, no log, no report', async () => {
    const report = await pair.ensure('a', withPresharedKey);
    const secrets = [presharedKey, ...ends.map((end) => pair.privateKeyOf(end))];
    const running = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(readCommand);
    const files = ends.flatMap((end) => filesIn(pair.folders(end).run));
    const texts = [pair.commands(), JSON.stringify(report), ...running, ...files];
    expect(files.length).toBeGreaterThan(0);
    for (const secret of secrets) expect(texts.filter((text) => text.includes(secret))).toEqual([]);
    for (const end of ends) expect(statSync(join(pair.folders(end).keys, `${device}.key`)).mode & 0o777).toBe(0o600);
    const limits = readFileSync(`/proc/${must(pair.pidOf('a'))}/limits`, 'utf8');
    expect(limits).toMatch(/^Max core file size +1 +1 /m);
    expect(Number.parseInt(readFileSync(`/proc/${must(pair.pidOf('a'))}/coredump_filter`, 'utf8'), 16)).toBe(0);
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
