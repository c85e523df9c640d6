/** IPsec tunnels on a machine where something is in the way: taken ports, hung and crashed daemons, garbage, strangers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { charonFiles } from '../../../src/edge/links/charon-process.ts';
import { createIpsecDriver } from '../../../src/edge/links/ipsec.ts';
import type { IpsecTunnelIntent } from '../../../src/intent/links/links-intent.ts';
import type { LinkReport } from '../../../src/links/link-report.ts';
import { parseAddress } from '../../../src/net/address.ts';
import { eventually } from '../bird/namespaces.ts';
import { type End, type IpsecPair, isUp, layIpsecPair, tunnelOf } from './ipsec-pair.ts';

let pair: IpsecPair;
const started: ChildProcess[] = [];

beforeEach(() => {
  pair = layIpsecPair('bad');
});

afterEach(async () => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  await pair.remove();
});

/** A program that goes on running at one end. */
function start(end: End, command: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const [program = '', ...words] = [...pair.cable.at(end), ...command];
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, ...env } });
  started.push(child);
  return child;
}

const ensure = async (end: End, ...tunnels: readonly IpsecTunnelIntent[]): Promise<LinkReport | undefined> =>
  (await pair.driver(end).ensure(tunnels, pair.secrets[end]))[0];

describe('an IPsec tunnel', () => {
  it('says which port another program holds, and comes up once it is free', async () => {
    const holder = start('a', [
      'node',
      '-e',
      "const s = require('node:dgram').createSocket('udp4'); s.bind(500, () => console.log('bound')); setInterval(() => {}, 1e6)",
    ]);
    await new Promise((resolve) => holder.stdout?.once('data', resolve));
    const report = await ensure('a', tunnelOf('a'));
    expect(report).toMatchObject({ state: 'failed', reason: expect.stringMatching(/UDP port 500/) });
    holder.kill('SIGKILL');
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
  });

  it('has its device again where somebody deleted it', async () => {
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    pair.cable.run('a', 'ip', 'link', 'delete', 'vpn1');
    await pair.until('a', [tunnelOf('a')], isUp);
    expect(pair.isDeviceUp('a', 'vpn1')).toBe(true);
  });

  it('gets a new charon where the old one hangs, and another tunnel goes on', async () => {
    const tunnels = [tunnelOf('a'), tunnelOf('a', 3, { remotePort: 5103 })];
    await pair.join(tunnels, [tunnelOf('b'), tunnelOf('b', 3, { localPort: 5103 })]);
    const before = await pair.charons('a');
    const hung = before.get('vpn1') ?? 0;
    process.kill(hung, 'SIGSTOP');
    const reports = await pair.driver('a').ensure(tunnels, pair.secrets.a);
    expect(reports.map(({ interfaceName, state }) => [interfaceName, state])).toContainEqual(['vpn3', 'up']);
    expect(pair.isDeviceUp('a', 'vpn3')).toBe(true);
    await pair.until('a', tunnels, isUp);
    const after = await pair.charons('a');
    expect([...after.values()]).not.toContain(hung);
    expect(after.get('vpn3')).toBe(before.get('vpn3'));
  });

  it('takes no program for its charon that only names its configuration', async () => {
    const files = charonFiles(pair.dir('a'), 'vpn1');
    const watcher = start('a', ['sleep', '1000'], { STRONGSWAN_CONF: files.config });
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    await ensure('a');
    expect(watcher.exitCode ?? watcher.signalCode).toBeNull();
  });

  it('takes only its own rule away, and one that a predecessor had no time for', async () => {
    const rules = (): string => pair.cable.run('a', 'ip', 'rule');
    pair.cable.run('a', 'ip', 'rule', 'add', 'priority', '40000', 'lookup', '55');
    await ensure('a', tunnelOf('a'));
    expect(rules()).toMatch(/40000:.*lookup 55/);
    expect(rules()).not.toContain('7302');
    pair.cable.run('a', 'ip', 'rule', 'add', 'priority', '40000', 'not', 'fwmark', '0x10000000', 'lookup', '7302');
    pair.restart('a');
    await ensure('a', tunnelOf('a'));
    expect(rules()).toMatch(/40000:.*lookup 55/);
    expect(rules()).not.toContain('7302');
  });

  it.each(['null', '[]', '"text"', '{"vpn1":null}', '\0'])('comes up although its notes hold %j', async (garbage) => {
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    pair.restart('a');
    writeFileSync(charonFiles(pair.dir('a'), 'vpn1').connections, garbage);
    expect(await ensure('a', tunnelOf('a'))).toMatchObject({ reason: null, state: 'up' });
  });

  it('comes up although folders stand where its files belong', async () => {
    const files = charonFiles(pair.dir('a'), 'vpn1');
    for (const path of [files.socket, files.tun, files.connections]) mkdirSync(join(path, 'x'), { recursive: true });
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
  });

  it.each([
    [
      'charon ran',
      ['link delete ipsec0', 'link set vpn1 down', 'link set vpn1 name ipsec0', 'link set ipsec0 alias ""'],
    ],
    [
      'its device had a name',
      ['link delete ipsec0', 'link set vpn1 down', 'link set vpn1 alias ""', 'address flush vpn1'],
    ],
    ['all was done but the last', ['link set vpn1 down', 'address flush vpn1']],
  ])('is finished by the next agent where the last one ended when %s', async (stage, undone) => {
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    const before = await pair.charons('a');
    pair.restart('a');
    for (const command of undone) pair.cable.run('a', 'sh', '-c', `ip ${command}`);
    if (stage === 'charon ran') rmSync(charonFiles(pair.dir('a'), 'vpn1').tun);
    await pair.until('a', [tunnelOf('a')], isUp);
    expect(await pair.charons('a')).toEqual(before);
    expect(pair.cable.run('a', 'ping', '-c', '1', '-W', '2', '169.254.1.2')).toContain(' 0% packet loss');
    expect(pair.cable.run('a', 'ip', '-o', 'link').match(/^\d+: (?:ipsec|vpn)\d/gm)).toHaveLength(2);
    await ensure('a');
    expect(pair.cable.run('a', 'ip', '-o', 'link')).not.toMatch(/ipsec\d|vpn\d/);
  });

  it('is told nothing of routes, of which there may be a million', async () => {
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    const sockets = pair.cable.run('a', 'cat', '/proc/net/netlink').trim().split('\n').slice(1);
    const groups = sockets.map((line) => line.trim().split(/ +/)).filter(([, protocol]) => protocol === '0');
    // RTMGRP_IPV4_ROUTE and RTMGRP_IPV6_ROUTE (linux/rtnetlink.h); of addresses it is told.
    const heard = groups.reduce((all, [, , , bits = '0']) => all | Number.parseInt(bits, 16), 0);
    expect(heard & 0x440).toBe(0);
    expect(heard & 0x110).toBe(0x110);
  });

  it('comes about where no limit may be raised, as under our systemd unit', async () => {
    const launcher = [...pair.cable.at('a'), 'setpriv', '--bounding-set=-sys_resource', 'prlimit', '--core=0:0'];
    const driver = createIpsecDriver({ router: 'a', dir: pair.dir('a'), outerMark: 0x10000000, launcher });
    const [report] = await driver.ensure([tunnelOf('a')], pair.secrets.a);
    driver.leave();
    expect(report).toMatchObject({ state: 'down', reason: '192.168.0.2 has not answered yet' });
  });

  it('leaves no memory behind where its charon crashes', async () => {
    await ensure('a', tunnelOf('a'));
    const [pid = 0] = (await pair.charons('a')).values();
    process.kill(pid, 'SIGSEGV');
    await eventually(
      'it is gone',
      () => pair.charons('a'),
      (left) => left.size === 0,
    );
    // Where it was started, which is where the kernel would leave it.
    expect(readdirSync(process.cwd()).filter((name) => /^core/.test(name))).toEqual([]);
  });

  it('goes over IPv6 outside', async () => {
    const outside = (end: End) =>
      tunnelOf(end, 1, {
        localAddress: parseAddress(end === 'a' ? 'fd00::1' : 'fd00::2'),
        remoteAddress: parseAddress(end === 'a' ? 'fd00::2' : 'fd00::1') as IpsecTunnelIntent['remoteAddress'],
      });
    await pair.join([outside('a')], [outside('b')]);
    expect(pair.cable.run('a', 'ping', '-c', '2', '-W', '2', '-i', '0.2', '169.254.1.2')).toContain(' 0% packet loss');
    const report = await ensure('a', outside('a'));
    expect(report?.ipsec).toMatchObject({ local: '[fd00::1]:4500', remote: '[fd00::2]:4500' });
  });

  it('takes whatever address of its own leads to the peer, where none is written', async () => {
    const anywhere = (end: End) => tunnelOf(end, 1, { localAddress: undefined });
    await pair.join([anywhere('a')], [anywhere('b')]);
    expect((await ensure('a', anywhere('a')))?.ipsec?.local).toBe('192.168.0.1:4500');
  });

  it('says where it waits that the peer has another identity, or other proposals', async () => {
    const b = tunnelOf('b', 1, { remoteId: 'a.test' });
    await ensure('b', b);
    await ensure('a', tunnelOf('a'));
    await pair.until('b', [b], ({ reason }) => /identity/.test(reason ?? ''));
    const other = tunnelOf('b', 1, { ikeProposals: ['aes128-sha256-modp2048'] });
    await ensure('b', other);
    await ensure('a', tunnelOf('a'));
    await pair.until('b', [other], ({ reason }) => /proposals/.test(reason ?? ''));
  });

  it.each([4500, 500])('has port %d where that is written, and another one is elsewhere', async (localPort) => {
    const tunnels = [tunnelOf('a', 1), tunnelOf('a', 2, { localPort })];
    for (const { state } of await pair.driver('a').ensure(tunnels, pair.secrets.a)) expect(state).toBe('down');
    const bound = pair.cable.run('a', 'ss', '-Hlnup', 'sport = :4500');
    expect(bound).toContain(`pid=${(await pair.charons('a')).get('vpn2')},`);
    expect(bound).not.toContain(`pid=${(await pair.charons('a')).get('vpn1')},`);
  });

  it('comes up although its folder holds garbage, which goes', async () => {
    mkdirSync(pair.dir('a'), { recursive: true });
    writeFileSync(join(pair.dir('a'), 'a file'), '');
    mkdirSync(join(pair.dir('a'), 'a folder', 'deep'), { recursive: true });
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    expect(readdirSync(pair.dir('a'))).toEqual(['vpn1']);
  });
});
