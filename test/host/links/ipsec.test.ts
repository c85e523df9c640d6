/** IPsec tunnels between two routers: real charons, real packets. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LinkReport } from '../../../src/links/link-report.ts';
import { parseAddress } from '../../../src/net/address.ts';
import { eventually } from '../bird/namespaces.ts';
import { capture, type IpsecPair, isUp, layIpsecPair, psk, tunnelOf } from './ipsec-pair.ts';

let pair: IpsecPair;

beforeEach(() => {
  pair = layIpsecPair('esp');
});

afterEach(() => pair.remove());

const ping = (to: string, ...more: readonly string[]): string =>
  pair.cable.run('a', 'ping', '-c', '3', '-W', '5', '-i', '0.2', ...more, to);

const passes = (): boolean => {
  try {
    return ping('169.254.1.2').includes(' 0% packet loss');
  } catch {
    return false;
  }
};

describe('an IPsec tunnel', () => {
  it('carries both families, and what it was told last is not told again', async () => {
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    for (const to of ['169.254.1.2', 'fd01:1::2']) expect(ping(to)).toContain(' 0% packet loss');
    const [report] = await pair.driver('a').ensure([tunnelOf('a')], pair.secrets.a);
    expect(report).toMatchObject({ driver: 'userspace-esp', state: 'up', reason: null, mtu: 1400 });
    expect(report?.ipsec).toMatchObject({
      isEncapsulated: true,
      local: '192.168.0.1:4500',
      ikeProposal: 'AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384',
    });
    expect(report?.ipsec?.received).toBeGreaterThan(0);
    const log = readFileSync(join(pair.dir('a'), 'vpn1', 'charon.log'), 'utf8');
    expect(log.match(/added vici connection/g)).toHaveLength(1);
    expect(log.match(/loaded IKE shared key/g)).toHaveLength(1);
  });

  it('shows nothing of what it carries outside, and its key nowhere', async () => {
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    const seen = await capture(pair.cable);
    for (const to of ['169.254.1.2', 'fd01:1::2'])
      ping(to, '-s', '200', '-p', Buffer.from('cleartext').toString('hex'));
    // Three requests and their answers of each family.
    const packets = await eventually(
      'ESP in UDP',
      seen.text,
      (text) => (text.match(/UDP-encap: ESP\(spi=0x/g)?.length ?? 0) >= 12,
    );
    seen.stop();
    expect(packets).not.toMatch(/cleartext|169\.254\.|fd01:/);
    const everywhere = execFileSync('sh', ['-c', `cat ${pair.cable.dir}/*/*/* /proc/[0-9]*/cmdline 2>/dev/null; true`]);
    expect(everywhere.toString('latin1')).not.toContain(psk);
    for (const pid of (await pair.charons('a')).values()) {
      expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/Max core file size +1 +1/);
      expect(Number.parseInt(readFileSync(`/proc/${pid}/coredump_filter`, 'utf8'), 16)).toBe(0);
    }
  });

  it('is found again by the next agent, which disturbs nothing', async () => {
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    const before = await pair.charons('a');
    pair.restart('a');
    const [report] = await pair.driver('a').ensure([tunnelOf('a')], pair.secrets.a);
    expect(report?.state).toBe('up');
    expect(await pair.charons('a')).toEqual(before);
    expect(readFileSync(join(pair.dir('a'), 'vpn1', 'charon.log'), 'utf8').match(/established between/g)).toHaveLength(
      1,
    );
  });

  it('goes with its device and all else of it once it is wanted no more', async () => {
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    expect(await pair.driver('a').ensure([], new Map())).toEqual([]);
    expect(await pair.charons('a')).toEqual(new Map());
    expect(pair.cable.run('a', 'ip', '-o', 'link')).not.toMatch(/vpn1|ipsec/);
    for (const family of ['-4', '-6']) {
      expect(pair.cable.run('a', 'ip', family, 'rule')).not.toContain('7302');
      expect(pair.cable.run('a', 'ip', family, '-o', 'route', 'show', 'table', 'all')).not.toMatch(
        /7302|169\.254|fd01/,
      );
    }
    expect(readdirSync(pair.dir('a'))).toEqual([]);
  });

  it('says that authentication failed where the keys differ, and comes up once they are the same', async () => {
    pair.secrets.a = new Map([['vpn/psk', 'another-key']]);
    await pair.driver('b').ensure([tunnelOf('b')], pair.secrets.b);
    const [told] = await pair.until('a', [tunnelOf('a')], ({ reason }) => /authentication failed/.test(reason ?? ''));
    expect(told).toMatchObject({ state: 'down' });
    const [heard] = await pair.until('b', [tunnelOf('b')], ({ reason }) => /authentication failed/.test(reason ?? ''));
    expect(heard?.reason).toBe('authentication failed: the pre-shared key of the peer is another one');
    expect(pair.isDeviceUp('a', 'vpn1')).toBe(false);
    pair.secrets.a = pair.secrets.b;
    await pair.until('a', [tunnelOf('a')], isUp);
  });

  it('fails alone where its secret is missing', async () => {
    pair.secrets.a = new Map();
    const [report] = await pair.driver('a').ensure([tunnelOf('a')], pair.secrets.a);
    expect(report).toMatchObject({
      state: 'failed',
      reason: 'secret vpn/psk is missing, empty, or readable by others',
    });
  });

  it('has its device down at once when the peer deletes the association', async () => {
    const [a, b] = [tunnelOf('a'), tunnelOf('b')];
    await pair.join([a], [b]);
    let changes = 0;
    const watching = pair.driver('a').watch(() => {
      changes++;
    });
    await pair.driver('b').ensure([], new Map());
    await eventually(
      'device of a down',
      () => pair.isDeviceUp('a', 'vpn1'),
      (up) => !up,
    );
    await eventually(
      'a hears of it',
      () => changes,
      (count) => count > 0,
    );
    watching.close();
  });

  it('comes back when the peer was killed and is born again', async () => {
    const dpd = { dpd: { delay: 1, timeout: 3 } };
    const [a, b] = [tunnelOf('a', 1, dpd), tunnelOf('b', 1, dpd)];
    await pair.join([a], [b]);
    for (const pid of (await pair.charons('b')).values()) process.kill(pid, 'SIGKILL');
    await eventually(
      'a finds it dead',
      () => pair.isDeviceUp('a', 'vpn1'),
      (up) => !up,
    );
    await pair.until('b', [b], ({ state }) => state !== 'failed');
    await pair.until('a', [a], isUp);
    await pair.until('b', [b], isUp);
    expect(ping('169.254.1.2')).toContain(' 0% packet loss');
  });

  it('is one where both ends open it, also when both begin anew', async () => {
    const [a, b] = [tunnelOf('a'), tunnelOf('b', 1, { initiates: true })];
    const bothUp = () => Promise.all([pair.until('a', [a], isUp), pair.until('b', [b], isUp)]);
    await bothUp();
    for (const end of ['a', 'b'] as const) {
      for (const pid of (await pair.charons(end)).values()) process.kill(pid, 'SIGKILL');
    }
    await bothUp();
    await eventually('packets pass', passes, (pass) => pass);
  });

  it('passes a NAT, and goes on where that gives it another port', async () => {
    const run = (...command: readonly string[]): string => pair.cable.run('a', ...command);
    run('ip', 'address', 'add', '10.9.9.1/32', 'dev', 'lo');
    const rules =
      'table ip nat { chain post { type nat hook postrouting priority 100; ip saddr 10.9.9.1 meta l4proto udp snat to 192.168.0.1:20000-60000 random; }; }';
    run('nft', rules);
    const inside = tunnelOf('a', 1, { localAddress: parseAddress('10.9.9.1'), dpd: { delay: 1, timeout: 10 } });
    const outside = tunnelOf('b', 1, { remoteId: '10.9.9.1' });
    await pair.join([inside], [outside]);
    const [before] = await pair.driver('b').ensure([outside], pair.secrets.b);
    expect(before?.ipsec?.remote).toMatch(/^192\.168\.0\.1:[2-6]\d{4}$/);
    expect(ping('169.254.1.2')).toContain(' 0% packet loss');
    run('conntrack', '-F');
    const isElsewhere = ({ ipsec, state }: LinkReport): boolean =>
      state === 'up' && ipsec?.remote !== before?.ipsec?.remote;
    await pair.until('b', [outside], isElsewhere);
    await eventually('packets pass', passes, (pass) => pass);
  });

  it('loses nothing when keys are renewed under load', async () => {
    const short = { espLifetime: 6, rekeyMargin: 3, rekeyFuzz: 0, ikeLifetime: 11 };
    await pair.join([tunnelOf('a', 1, short)], [tunnelOf('b', 1, short)]);
    const told = pair.cable.run('a', 'ping', '-q', '-c', '3000', '-i', '0.004', '-W', '2', '169.254.1.2');
    expect(told).toContain('3000 received');
    const log = readFileSync(join(pair.dir('a'), 'vpn1', 'charon.log'), 'utf8');
    expect(log.match(/CHILD_SA vpn1\{\d+\} established/g)?.length).toBeGreaterThan(3);
    expect(pair.isDeviceUp('a', 'vpn1')).toBe(true);
  });

  it('runs beside others of its router, each with a charon and ports of its own', async () => {
    const [one, three] = [tunnelOf('a', 1), tunnelOf('a', 3)];
    const at = { localPort: 5103 };
    await pair.join([one, { ...three, remotePort: 5103 }], [tunnelOf('b', 1), tunnelOf('b', 3, at)]);
    for (const i of [1, 3]) expect(ping(`169.254.${i}.2`)).toContain(' 0% packet loss');
    const before = (await pair.charons('a')).get('vpn3');
    await pair.driver('a').ensure([{ ...three, remotePort: 5103 }], pair.secrets.a);
    expect((await pair.charons('a')).get('vpn3')).not.toBeUndefined();
    expect(before).not.toBeUndefined();
  });
});

it('a hundred tunnels of one router come up, and looking at them again starts nothing', async () => {
  const numbers = Array.from({ length: 100 }, (_, i) => i + 1);
  const at = (i: number): { readonly localPort: number } => ({ localPort: 5000 + i });
  const tunnelsB = numbers.map((i) => tunnelOf('b', i, at(i)));
  const tunnelsA = numbers.map((i) => ({ ...tunnelOf('a', i), remotePort: at(i).localPort }));
  // None is in another's way when they start.
  const begun = await pair.driver('b').ensure(tunnelsB, pair.secrets.b);
  expect(begun.filter(({ state }) => state === 'failed')).toEqual([]);
  await pair.join(tunnelsA, tunnelsB, 400_000);
  const before = await pair.charons('a');
  expect(before.size).toBe(100);
  await pair.driver('a').ensure(tunnelsA, pair.secrets.a);
  expect(await pair.charons('a')).toEqual(before);
  for (const i of [1, 50, 100]) expect(ping(`169.254.${i}.2`)).toContain(' 0% packet loss');
}, 600_000);
