/** What a change of an IPsec tunnel disturbs, a replayed packet, and what a charon of the kernel's ESP takes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCharon } from '../../../src/edge/links/charon.ts';
import { charonFiles, findCharons } from '../../../src/edge/links/charon-process.ts';
import { charonConfig, standardPorts } from '../../../src/links/ipsec/charon-config.ts';
import { compileConnection } from '../../../src/links/ipsec/connection.ts';
import { type Address, parseAddress } from '../../../src/net/address.ts';
import { eventually } from '../bird/namespaces.ts';
import { openFrames } from '../nftables/raw-sockets.ts';
import { type End, type IpsecPair, isUp, layIpsecPair, tunnelOf } from './ipsec-pair.ts';

let pair: IpsecPair;

beforeEach(() => {
  pair = layIpsecPair('chg');
});

afterEach(() => pair.remove());

const logOf = (end: End, name = 'vpn1'): string => readFileSync(join(pair.dir(end), name, 'charon.log'), 'utf8');
const countIn = (text: string, what: RegExp): number => text.match(what)?.length ?? 0;
const ping = (to: string): string => pair.cable.run('a', 'ping', '-c', '1', '-W', '5', to);

describe('an IPsec tunnel that is changed', () => {
  it('takes a new key without a break, and uses it for what is agreed on next', async () => {
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    for (const end of ['a', 'b'] as const) {
      pair.secrets[end] = new Map([['vpn/psk', 'a-new-key']]);
      const [report] = await pair.driver(end).ensure([tunnelOf(end)], pair.secrets[end]);
      expect(report?.state).toBe('up');
      expect(countIn(logOf(end), /loaded IKE shared key/g)).toBe(2);
      expect(countIn(logOf(end), /established between/g)).toBe(1);
    }
  });

  it('is agreed on anew with other proposals, by the same charon', async () => {
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    const before = await pair.charons('a');
    const change = { espProposals: ['aes128gcm16-ecp256'], ikeProposals: ['aes128gcm16-prfsha256-ecp256'] };
    await pair.join([tunnelOf('a', 1, change)], [tunnelOf('b', 1, change)]);
    const proposal = /^AES_GCM_16-128/;
    await pair.until('a', [tunnelOf('a', 1, change)], ({ ipsec }) => proposal.test(ipsec?.espProposal ?? ''));
    expect(await pair.charons('a')).toEqual(before);
  });

  it('is agreed on anew where the last agent ended in the middle of a change', async () => {
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    pair.restart('a');
    writeFileSync(charonFiles(pair.dir('a'), 'vpn1').connections, '{"vpn1":{}}');
    await pair.until('a', [tunnelOf('a')], isUp);
    expect(countIn(logOf('a'), /established between/g)).toBe(2);
  });

  it('gets another MTU and other addresses while it is up', async () => {
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    const changed = { ...tunnelOf('a'), mtu: 1300, addresses: tunnelOf('a', 7).addresses };
    const [report] = await pair.driver('a').ensure([changed], pair.secrets.a);
    expect(report).toMatchObject({ state: 'up', mtu: 1300 });
    expect(pair.cable.run('a', 'ip', 'address', 'show', 'dev', 'vpn1')).toMatch(/mtu 1300.*169\.254\.7\.1\/30/s);
    expect(countIn(logOf('a'), /established between/g)).toBe(1);
  });

  it('leaves a device of the same name alone that is not its own', async () => {
    pair.cable.run('a', 'ip', 'link', 'add', 'vpn1', 'type', 'bridge');
    const [report] = await pair.driver('a').ensure([tunnelOf('a')], pair.secrets.a);
    expect(report).toMatchObject({ state: 'failed', reason: 'vpn1 is another device' });
    expect(pair.cable.run('a', 'ip', '-d', 'link', 'show', 'dev', 'vpn1')).toContain('bridge');
  });

  it('has a new charon where the old one was killed', async () => {
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    const [pid = 0] = (await pair.charons('a')).values();
    process.kill(pid, 'SIGKILL');
    await eventually(
      'it is gone',
      () => pair.charons('a'),
      (left) => left.size === 0,
    );
    await pair.until('a', [tunnelOf('a')], isUp);
    // The other end takes the old tunnel away in its own time, and its device goes down and up with that.
    const isAnswered = (): boolean => {
      try {
        return ping('169.254.1.2').includes(' 0% packet loss');
      } catch {
        return false;
      }
    };
    await eventually('the other end answers', isAnswered, (answered) => answered);
    // What held the name of the old one's device goes at the next look.
    await pair.driver('a').ensure([tunnelOf('a')], pair.secrets.a);
    expect(countIn(pair.cable.run('a', 'ip', '-o', 'link'), /ipsec\d/g)).toBe(1);
  });
});

it('a packet that comes a second time is not taken', async () => {
  await pair.join([tunnelOf('a')], [tunnelOf('b')]);
  const [from = 0] = (await pair.charons('a')).values();
  const [to = 0] = (await pair.charons('b')).values();
  const [sender, receiver] = [openFrames(from, 'wire'), openFrames(to, 'wire')];
  const taken = (): number => {
    const [heads = '', values = ''] = pair.cable.run('b', 'grep', '^Icmp:', '/proc/net/snmp').split('\n');
    return Number(values.split(' ')[heads.split(' ').indexOf('InEchos')]);
  };
  try {
    receiver.receive();
    ping('169.254.1.2');
    const frames = receiver.receive().filter(isEsp);
    expect(frames.length).toBeGreaterThan(0);
    const before = taken();
    for (const frame of frames) sender.send(frame);
    const seen: Buffer[] = [];
    const again = (): number => seen.push(...receiver.receive().filter(isEsp));
    await eventually('they arrive again', again, (count) => count >= frames.length);
    // Later ones are taken in order, so that the replayed ones were looked at by then.
    ping('169.254.1.2');
    expect(taken()).toBe(before + 1);
  } finally {
    sender.close();
    receiver.close();
  }
});

/** ESP in UDP over IPv4 over Ethernet: from 4500, and no zeros where IKE has its marker (RFC 3948 §2.2). */
function isEsp(frame: Buffer): boolean {
  return (
    frame.length > 46 &&
    frame.readUInt16BE(12) === 0x0800 &&
    frame.readUInt16BE(34) === 4500 &&
    frame.readUInt32BE(42) !== 0
  );
}

it('one charon keeps several tunnels between the same two identities', async () => {
  for (const [i, end] of (['a', 'b'] as const).entries()) {
    pair.cable.run(end, 'ip', 'address', 'add', `192.168.9.${i + 1}/24`, 'dev', 'wire');
  }
  const place = { kind: 'userspace', hasStandardPorts: true, sharesIdentities: true } as const;
  const started = (end: End) => {
    const files = charonFiles(pair.dir(end), 'charon');
    const charon = createCharon({
      ...{ files, launcher: pair.cable.at(end), found: undefined, only: undefined, onChange: () => undefined },
    });
    const settings = { esp: 'userspace', ports: standardPorts, outerMark: 0x10000000, deadAfter: 30 } as const;
    const tell = async (net: number) => {
      const [own, other] = (end === 'a' ? [1, 2] : [2, 1]).map((host) => parseAddress(`192.168.${net}.${host}`));
      const ids = end === 'a' ? { localId: 'a.test', remoteId: 'b.test' } : { localId: 'b.test', remoteId: 'a.test' };
      const tunnel = tunnelOf(end, net, { ...ids, localAddress: own, remoteAddress: other as Address });
      const compiled = compileConnection(tunnel, pair.secrets[end], place);
      if (!compiled.ok) throw new Error(compiled.error);
      return charon.tell({ name: `vpn${net}`, connection: compiled.value, initiates: end === 'a' });
    };
    const run = () => charon.run(charonConfig({ ...settings, socket: files.socket, log: files.log }));
    return { charon, run, tell, log: () => readFileSync(files.log, 'utf8') };
  };
  const [a, b] = [started('a'), started('b')];
  try {
    for (const { run } of [a, b]) expect(await run()).toMatchObject({ ok: true });
    for (const net of [0, 9]) for (const { tell } of [b, a]) expect(await tell(net)).toMatchObject({ ok: true });
    const areUp = () => Promise.all([0, 9].map(async (net) => await a.charon.associations(`vpn${net}`)));
    await eventually('both are up', areUp, (seen) => seen.every((one) => one.ok && one.value.isUp));
    for (const { log } of [a, b]) expect(log()).not.toContain('duplicate IKE_SA');
  } finally {
    for (const { charon } of [a, b]) await charon.end();
  }
});

it('a charon of the kernel takes connections, their XFRM interface ids and marks, and other settings while it runs', async () => {
  const root = pair.dir('a');
  const files = charonFiles(root, 'charon-of-kernel');
  const charon = createCharon({
    files,
    launcher: pair.cable.at('a'),
    found: undefined,
    only: undefined,
    onChange: () => undefined,
  });
  const kernel = { kind: 'kernel', outerMark: 0x10000000, hasStandardPorts: true, sharesIdentities: false } as const;
  const settings = { esp: 'kernel', ports: standardPorts, outerMark: 0x10000000, deadAfter: 30 } as const;
  const pid = await charon.run(charonConfig({ ...settings, socket: files.socket, log: files.log }));
  try {
    expect(pid).toMatchObject({ ok: true });
    for (const i of [1, 2]) {
      const tunnel = tunnelOf('b', i);
      const connection = compileConnection(tunnel, pair.secrets.b, kernel);
      if (!connection.ok) throw new Error(connection.error);
      expect(await charon.tell({ name: `vpn${i}`, connection: connection.value, initiates: false })).toEqual({
        ok: true,
        value: undefined,
      });
    }
    expect(await charon.keepOnly(new Set(['vpn2']))).toMatchObject({ ok: true });
    expect(Object.keys(JSON.parse(readFileSync(files.connections, 'utf8')) as object)).toEqual(['vpn2']);

    // Another tunnel's patience is taken on by the same charon, for what is tried from then on.
    const soon = charonConfig({ ...settings, deadAfter: 1, socket: files.socket, log: files.log });
    expect(await charon.run(soon)).toEqual(pid);
    const lost = { ...tunnelOf('a', 3), remoteAddress: parseAddress('192.168.0.3') as Address };
    const compiled = compileConnection(lost, pair.secrets.a, kernel);
    if (!compiled.ok) throw new Error(compiled.error);
    await charon.tell({ name: 'vpn3', connection: compiled.value, initiates: true });
    await eventually(
      'it gives up',
      () => charon.failure('vpn3'),
      (reason) => reason === 'the peer does not answer',
    );
  } finally {
    await charon.end();
  }
  expect(await findCharons(root)).toEqual(new Map());
});
