/** What charon is told of a tunnel, and which ports its charon has. */
import { describe, expect, it } from 'vitest';
import type { IpsecTunnelIntent } from '../../intent/links/links-intent.ts';
import { type Address, parseAddress } from '../../net/address.ts';
import { ipsecDefaults } from '../../resources/tunnel-defaults.ts';
import { charonConfig, deadAfter, needsNewCharon, standardPorts } from './charon-config.ts';
import { compileConnection, type EspPlace, needsNewAgreement, sharesIdentities } from './connection.ts';
import { assignPorts, hasWrittenPort } from './tunnel-ports.ts';
import type { ViciSection } from './vici-message.ts';

const tunnel: IpsecTunnelIntent = {
  ...ipsecDefaults,
  kind: 'ipsec',
  attachment: 'dc',
  interfaceName: 'dc-1',
  addresses: [],
  remotes: [],
  mtu: 1400,
  mssClamp: undefined,
  underlay: undefined,
  localAddress: parseAddress('192.0.2.1'),
  remoteAddress: parseAddress('198.51.100.1') as Address,
  localId: undefined,
  remoteId: 'gateway.example.com',
  authentication: { kind: 'psk', secret: { name: 'dc', key: 'psk' } },
  initiates: true,
  encapsulates: 'auto',
  localPort: undefined,
  remotePort: undefined,
  ifId: 77,
};

const named = (interfaceName: string, changes: Partial<IpsecTunnelIntent> = {}): IpsecTunnelIntent => ({
  ...tunnel,
  interfaceName,
  ...changes,
});

const secrets = new Map([
  ['dc/psk', 'secret-key'],
  ['dc/crt', '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'.repeat(2)],
  ['dc/key', 'secret-key'],
  ['dc/ca', '-----BEGIN CERTIFICATE-----\nBB==\n-----END CERTIFICATE-----'],
]);

const userspace: EspPlace = { kind: 'userspace', hasStandardPorts: true, sharesIdentities: false };
const beside: EspPlace = { ...userspace, hasStandardPorts: false };
const kernel: EspPlace = { ...userspace, kind: 'kernel', outerMark: 0x10000000 };

function compile(changes: Partial<IpsecTunnelIntent> = {}, place = userspace) {
  const compiled = compileConnection({ ...tunnel, ...changes }, secrets, place);
  if (!compiled.ok) throw new Error(compiled.error);
  const connection = compiled.value.connection['dc-1'] as ViciSection;
  const child = (connection['children'] as ViciSection)['dc-1'] as ViciSection;
  return { ...compiled.value, connection, child };
}

describe('a connection', () => {
  it('is known by the addresses of its ends where nothing else is said', () => {
    const { connection, key } = compile();
    expect(connection).toMatchObject({ local: { id: '192.0.2.1' }, remote: { id: 'gateway.example.com' } });
    expect(key).toEqual({
      command: 'load-shared',
      message: { id: 'dc-1', type: 'IKE', data: 'secret-key', owners: ['192.0.2.1', 'gateway.example.com'] },
    });
  });

  it.each<[string, Partial<IpsecTunnelIntent>, boolean]>([
    ['names, whatever their addresses', { localId: 'a.test', remoteId: 'b.test' }, true],
    ['addresses, where nothing else is said', { localId: undefined, remoteId: undefined }, false],
  ])('has the identities of another tunnel by %s', (_, ids, isShared) => {
    const [local, remote] = ['198.51.100.1', '198.51.100.2'].map(parseAddress);
    const other = { ...tunnel, localAddress: local, ...(remote ? { remoteAddress: remote } : {}) };
    expect(sharesIdentities({ ...tunnel, ...ids }, { ...other, ...ids })).toBe(isShared);
  });

  it('with the identities of another tunnel is not taken for that one come back, and one that is up stays up', () => {
    const [alone, beside] = [false, true].map((sharesIdentities) => compile({}, { ...kernel, sharesIdentities }));
    expect([alone?.connection['unique'], beside?.connection['unique']]).toEqual(['replace', 'never']);
    const named = (connection: ViciSection | undefined): ViciSection => ({ 'dc-1': connection ?? {} });
    expect(needsNewAgreement(named(alone?.connection), named(beside?.connection))).toBe(false);
  });

  it('renews its keys before they end, by a margin that varies', () => {
    const { connection, child } = compile({ rekeyMargin: 100, rekeyFuzz: 50 });
    expect(connection).toMatchObject({ rekey_time: '28700s', rand_time: '50s', over_time: '100s' });
    expect(child).toMatchObject({ rekey_time: '3500s', rand_time: '50s', life_time: '3600s' });
  });

  it('renews its keys although the margin is all of their lifetime', () => {
    expect(compile({ rekeyMargin: 3600 }).child).toMatchObject({ rekey_time: '1s', rand_time: '0s' });
  });

  it('is mended by charon only where this end opens it', () => {
    const waiting = { dpd_action: 'none', close_action: 'none', start_action: 'none' };
    expect(compile().child).toMatchObject({ dpd_action: 'start', close_action: 'start', start_action: 'none' });
    expect(compile({ initiates: false }).child).toMatchObject(waiting);
  });

  it('has an XFRM interface and a mark for outer packets where the kernel does ESP, and no UDP unless asked', () => {
    const { connection, child } = compile({}, kernel);
    expect(connection['encap']).toBe('no');
    expect(child).toMatchObject({ if_id_in: '77', if_id_out: '77', set_mark_out: '0x10000000/0x10000000' });
    expect(compile({ encapsulates: 'always' }, kernel).connection['encap']).toBe('yes');
    expect(compile().connection['encap']).toBe('yes');
    expect(compile().child).not.toHaveProperty('if_id_in');
    expect(Number(child['life_packets'])).toBeLessThan(2 ** 32);
    expect(Number(child['rekey_packets'])).toBeLessThan(Number(child['life_packets']));
  });

  it.each([
    ['the standard ones', {}, userspace, undefined, undefined],
    ["the peer's NAT traversal port at once, from whatever is free", {}, beside, undefined, '4500'],
    ['a port that the peer is told to have, from 4500', { remotePort: 5000 }, userspace, '4500', '5000'],
    ['the port that is said', { localPort: 5001 }, beside, '5001', '4500'],
    ['4500 at both ends where it is said', { localPort: 4500 }, userspace, '4500', '4500'],
    ['500 at both ends where it is said', { localPort: 500, remotePort: 500 }, userspace, undefined, undefined],
    ['a port of its own in the kernel', { localPort: 5001 }, { ...kernel, hasStandardPorts: false }, '5001', '4500'],
  ])('speaks by %s', (_, ports, place, local, remote) => {
    const { connection } = compile(ports, place);
    expect([connection['local_port'], connection['remote_port']]).toEqual([local, remote]);
  });

  const authentication = {
    kind: 'certificate',
    certificate: { name: 'dc', key: 'crt' },
    privateKey: { name: 'dc', key: 'key' },
    authority: { name: 'dc', key: 'ca' },
  } as const;

  it('holds its certificates, each alone, and never its private key', () => {
    const { connection, key } = compile({ authentication });
    expect((connection['local'] as ViciSection)['certs']).toHaveLength(2);
    expect((connection['remote'] as ViciSection)['cacerts']).toHaveLength(1);
    expect(key).toEqual({ command: 'load-key', message: { type: 'any', data: 'secret-key' } });
    expect(JSON.stringify(connection)).not.toContain('secret-key');
  });

  it.each<[string, boolean, Partial<IpsecTunnelIntent>, (readonly [string, string])?]>([
    ['a renewed certificate', false, {}, ['dc/crt', '-----BEGIN CERTIFICATE-----\nCC==\n-----END CERTIFICATE-----']],
    ['another authority', true, {}, ['dc/ca', '-----BEGIN CERTIFICATE-----\nCC==\n-----END CERTIFICATE-----']],
    ['other proposals', true, { espProposals: ['aes128gcm16-ecp256'] }],
    ['another identity', true, { localId: 'other.example.com' }],
    ['another patience', true, { dpd: { delay: 10, timeout: 20 } }],
  ])('with %s: agreed on anew is %s', (_, isAnew, changes, secret) => {
    const of = (changed: Partial<IpsecTunnelIntent>, known: ReadonlyMap<string, string>): ViciSection => {
      const compiled = compileConnection({ ...tunnel, authentication, ...changed }, known, userspace);
      if (!compiled.ok) throw new Error(compiled.error);
      return compiled.value.connection;
    };
    const before = of({}, secrets);
    expect(needsNewAgreement(before, of(changes, new Map([...secrets, ...(secret ? [secret] : [])])))).toBe(isAnew);
  });

  it.each(['dc/crt', 'dc/ca'])('is none where %s has no certificate', (name) => {
    const compiled = compileConnection(
      { ...tunnel, authentication },
      new Map([...secrets, [name, 'no PEM']]),
      userspace,
    );
    expect(compiled).toEqual({ ok: false, error: `${name} is no certificate in PEM` });
  });

  it.each([
    ['short-1', /holds something else than letters/],
    ['short_1', /has 7 characters: keys of AWS have 8 to 64/],
    ['x'.repeat(65), /has 65 characters/],
    ['0_first_key', /begins with 0/],
    ['a_long_enough.key', undefined],
  ])('to AWS is none where its key cannot be one of AWS, of which nothing is said: %s', (key, reason) => {
    const authentication = { kind: 'psk', secret: { name: 'dc', key: 'psk' }, rules: 'aws' } as const;
    const compiled = compileConnection({ ...tunnel, authentication }, new Map([['dc/psk', key]]), userspace);
    expect(compiled.ok ? undefined : compiled.error).toEqual(
      reason === undefined ? undefined : expect.stringMatching(reason),
    );
    if (!compiled.ok) expect(compiled.error).not.toContain(key);
  });

  it('is none without its secret', () => {
    const compiled = compileConnection(tunnel, new Map(), userspace);
    expect(compiled).toEqual({ ok: false, error: 'secret dc/psk is missing, empty, or readable by others' });
  });
});

describe('ports of charons', () => {
  const portsOf = (tunnels: readonly IpsecTunnelIntent[], holder?: string, keeps?: boolean): (string | number)[] =>
    [...assignPorts(tunnels, holder, keeps).values()].map((choice) =>
      choice.kind === 'taken' ? choice.by : choice.ports.natTraversal,
    );
  const waits = { initiates: false };

  it.each([
    ['the first has the standard ones', [named('a'), named('b')], undefined, [4500, 0]],
    ['who has them keeps them', [named('a'), named('b')], 'b', [0, 4500]],
    ['who waits for its peer needs them more', [named('a'), named('b', waits)], 'a', [0, 4500]],
    ['only one can wait there', [named('a', waits), named('b', waits)], 'b', ['b', 4500]],
    ['a written port is kept', [named('a', { localPort: 5000 }), named('b')], 'a', [5000, 4500]],
    [
      'two that wait have ports of their own',
      [named('a', { ...waits, localPort: 5000 }), named('b', waits)],
      undefined,
      [5000, 4500],
    ],
    ['one port is not for two', [named('a', { localPort: 5000 }), named('b', { localPort: 5000 })], 'a', [5000, 'a']],
    ['whoever writes 4500 has it', [named('a', waits), named('b', { localPort: 4500 })], 'a', ['b', 4500]],
    ['whoever writes 500 has 4500, too', [named('a'), named('b', { localPort: 500 })], 'a', [0, 4500]],
    ['4500 is not for two', [named('a', { localPort: 500 }), named('b', { localPort: 4500 })], 'b', ['b', 4500]],
  ] as const)('%s', (_, tunnels, holder, expected) => expect(portsOf(tunnels, holder)).toEqual(expected));

  it('are others where a charon has the standard ones for good', () => {
    const tunnels = [named('a', { remotePort: 5000 }), named('b', { localPort: 5001 })];
    expect(portsOf(tunnels, 'charon-of-kernel', true)).toEqual([0, 5001]);
    expect(tunnels.map(hasWrittenPort)).toEqual([true, true]);
    expect(
      [named('a'), named('b', { localPort: 4500 }), named('c', { ...waits, remotePort: 5000 })].map(hasWrittenPort),
    ).toEqual([false, false, false]);
  });
});

describe("charon's configuration", () => {
  const settings = { ports: standardPorts, outerMark: 0x10000000, socket: '/run/x/vici', log: '/run/x/log' };

  it('gives a silent peer up when dead peer detection says so', () => {
    const dead = deadAfter([tunnel, { ...tunnel, dpd: { delay: 5, timeout: 15 } }]);
    expect(dead).toBe(15);
    const text = charonConfig({ ...settings, esp: 'kernel', deadAfter: dead });
    const [timeout = 0, tries = 0, base = 0] = ['timeout', 'tries', 'base'].map((word) =>
      Number(new RegExp(`retransmit_${word} = (.*)`).exec(text)?.[1]),
    );
    let total = 0;
    for (let i = 0; i <= tries; i++) total += timeout * base ** i;
    expect(total).toBeCloseTo(15, 0);
  });

  it('is another for another peer that is given up sooner, but asks for no other charon', () => {
    const of = (deadAfter: number, natTraversal = 4500): string =>
      charonConfig({ ...settings, esp: 'kernel', deadAfter, ports: { ike: 500, natTraversal } });
    expect(of(30)).not.toBe(of(10));
    expect(needsNewCharon(of(30), of(10))).toBe(false);
    expect(needsNewCharon(of(30), of(30, 5000))).toBe(true);
  });

  it('does ESP itself only where the kernel does not', () => {
    const of = (esp: 'kernel' | 'userspace'): string => charonConfig({ ...settings, esp, deadAfter: 30 });
    expect(of('userspace')).toContain('kernel-libipsec kernel-netlink socket-default\n');
    expect(of('kernel')).not.toContain('kernel-libipsec kernel-netlink');
    expect(of('kernel')).toContain('routing_table = 0\n');
  });
});
