/** IPsec tunnels whose ends prove who they are by certificates. */
import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IpsecTunnelIntent } from '../../../src/intent/links/links-intent.ts';
import { type End, type IpsecPair, isUp, layIpsecPair, tunnelOf } from './ipsec-pair.ts';

let pair: IpsecPair;

beforeEach(() => {
  pair = layIpsecPair('cert');
  for (const authority of ['ca', 'other']) makeAuthority(authority);
});

afterEach(() => pair.remove());

const file = (name: string): string => join(pair.cable.dir, name);
const read = (name: string): string => readFileSync(file(name), 'utf8');

function pki(to: string, ...words: readonly string[]): void {
  writeFileSync(file(to), execFileSync('pki', [...words, '--outform', 'pem'], { stdio: 'pipe' }));
}

/** The key of end a as openssl writes it: by itself (SEC 1), or in PKCS #8. */
const keyOfA = (type: 'sec1' | 'pkcs8', passphrase?: string): string => {
  const encryption = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  return createPrivateKey(read('a.key'))
    .export({ type, format: 'pem', ...encryption })
    .toString();
};

/** What `openssl ecparam -genkey` writes before the key: the name of P-256. */
const curve = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';

function makeAuthority(name: string, more: readonly string[] = ['--ca']): void {
  pki(`${name}.key`, '--gen', '--type', 'ecdsa', '--size', '256');
  pki(`${name}.crt`, '--self', ...more, '--in', file(`${name}.key`), '--type', 'ecdsa', '--dn', `CN=${name}`);
}

const expired = ['--dateform', '%Y', '--not-before', '2020', '--not-after', '2021'];

/** A key, and a certificate from `authority` that names `NAME.test`. */
function issue(name: string, authority: string, more: readonly string[] = []): void {
  pki(`${name}.key`, '--gen', '--type', 'ecdsa', '--size', '256');
  const from = ['--cacert', file(`${authority}.crt`), '--cakey', file(`${authority}.key`)];
  const subject = ['--dn', `CN=${name}`, '--san', `${name}.test`];
  pki(`${name}.crt`, '--issue', '--in', file(`${name}.key`), '--type', 'ecdsa', ...from, ...subject, ...more);
}

/** The secrets of one end: its certificate from `authority`, and `ca` as whom it trusts. */
function certify(end: End, authority = 'ca', validity: readonly string[] = []): void {
  issue(end, authority, validity);
  pair.secrets[end] = new Map([
    ['vpn/crt', read(`${end}.crt`)],
    ['vpn/key', read(`${end}.key`)],
    ['vpn/ca', read('ca.crt')],
  ]);
}

const tunnel = (end: End): IpsecTunnelIntent =>
  tunnelOf(end, 1, {
    localId: `${end}.test`,
    remoteId: end === 'a' ? 'b.test' : 'a.test',
    authentication: {
      kind: 'certificate',
      certificate: { name: 'vpn', key: 'crt' },
      privateKey: { name: 'vpn', key: 'key' },
      authority: { name: 'vpn', key: 'ca' },
    },
  });

async function reasonsOf(wanted: RegExp): Promise<Record<End, string | null | undefined>> {
  await pair.driver('b').ensure([tunnel('b')], pair.secrets.b);
  const matches = ({ reason }: { reason: string | null }): boolean => wanted.test(reason ?? '');
  const [a] = await pair.until('a', [tunnel('a')], matches);
  const [b] = await pair.driver('b').ensure([tunnel('b')], pair.secrets.b);
  expect(pair.isDeviceUp('a', 'vpn1')).toBe(false);
  return { a: a?.reason, b: b?.reason };
}

describe('an IPsec tunnel with certificates', () => {
  it('comes up where each end trusts the authority of the other', async () => {
    for (const end of ['a', 'b'] as const) certify(end);
    await pair.join([tunnel('a')], [tunnel('b')]);
    expect(pair.cable.run('a', 'ping', '-c', '2', '-W', '2', '-i', '0.2', '169.254.1.2')).toContain(' 0% packet loss');
    const seen = execFileSync('sh', ['-c', `cat ${pair.dir('a')}/*/* 2>/dev/null; true`]).toString();
    expect(seen).not.toContain('PRIVATE KEY');
  });

  it('says at both ends that a certificate has expired', async () => {
    certify('a', 'ca', expired);
    certify('b');
    const { a, b } = await reasonsOf(/authentication failed/);
    expect(a).toMatch(/^authentication failed: this router's certificate vpn\/crt expired at 2021-/);
    expect(b).toBe("authentication failed: a certificate of the peer's has expired or is not valid yet");
  });

  it('tells when the first of all its certificates ends, before it does', async () => {
    certify('a', 'ca', ['--dateform', '%Y', '--not-before', '2020', '--not-after', '2027']);
    const [report] = await pair.driver('a').ensure([tunnel('a')], pair.secrets.a);
    expect(report?.ipsec?.certificateUntil).toMatch(/^2027-/);
  });

  it('does not come up with a certificate from an authority that the peer does not trust', async () => {
    certify('a', 'other');
    certify('b');
    const { b } = await reasonsOf(/authentication failed/);
    expect(b).toBe(
      "authentication failed: the peer's certificate is not from the authority, or names another identity",
    );
  });

  it.each([
    ['under its own name', 'c.test'],
    ['under the name of the peer', 'a.test'],
  ])('does not come up with whoever else the authority knows, %s', async (_, localId) => {
    certify('b');
    certify('a');
    issue('c', 'ca');
    pair.secrets.a = new Map([...pair.secrets.a, ['vpn/crt', read('c.crt')], ['vpn/key', read('c.key')]]);
    await pair.driver('b').ensure([tunnel('b')], pair.secrets.b);
    const stranger = { ...tunnel('a'), localId };
    await pair.until('a', [stranger], ({ reason }) => /the peer refuses/.test(reason ?? ''));
    const [b] = await pair.until('b', [tunnel('b')], ({ reason }) => reason !== null && !reason.startsWith('waits'));
    expect(b).toMatchObject({ state: 'down', reason: expect.stringMatching(/identity/) });
    expect(pair.isDeviceUp('b', 'vpn1')).toBe(false);
  });

  it('comes up through an authority in between, whose certificate follows its own', async () => {
    for (const end of ['a', 'b'] as const) certify(end);
    issue('between', 'ca', ['--ca']);
    issue('a', 'between');
    const chain = `${read('a.crt')}${read('between.crt')}`;
    pair.secrets.a = new Map([...pair.secrets.a, ['vpn/crt', chain], ['vpn/key', read('a.key')]]);
    await pair.join([tunnel('a')], [tunnel('b')]);
  });

  it('takes a key as openssl writes it, after the parameters of its curve', async () => {
    for (const end of ['a', 'b'] as const) certify(end);
    pair.secrets.a.set('vpn/key', `${curve}${keyOfA('sec1')}`);
    await pair.join([tunnel('a')], [tunnel('b')]);
  });

  it.each<[string, string, () => string]>([
    ['the private key vpn/key does not belong to the certificate vpn/crt', 'vpn/key', () => read('b.key')],
    [
      'vpn/key is encrypted: store the key without a passphrase (openssl pkey -in FILE)',
      'vpn/key',
      () => keyOfA('pkcs8', 'word'),
    ],
    [
      'vpn/key is encrypted: store the key without a passphrase (openssl pkey -in FILE)',
      'vpn/key',
      () => keyOfA('sec1', 'word'),
    ],
    ['vpn/key is no private key in PEM', 'vpn/key', () => read('a.crt')],
    ['vpn/crt is no certificate in PEM', 'vpn/crt', () => 'nothing'],
    ['vpn/ca is no certificate in PEM', 'vpn/ca', () => read('a.crt').replace(/[A-Za-z0-9]{8}/g, 'AAAAAAAA')],
  ])('fails and says that %s', async (reason, name, content) => {
    for (const end of ['a', 'b'] as const) certify(end);
    pair.secrets.a.set(name, content());
    const [report] = await pair.driver('a').ensure([tunnel('a')], pair.secrets.a);
    expect(report).toMatchObject({ state: 'failed', reason });
    expect(await pair.charons('a')).toEqual(new Map());
  });

  it.each([
    ['is none', [], /^authentication failed: the authority's certificate vpn\/ca is not that of an authority/],
    [
      'has expired',
      ['--ca', ...expired],
      /^authentication failed: the authority's certificate vpn\/ca expired at 2021-/,
    ],
  ])('says that the authority %s', async (_, more, wanted) => {
    for (const end of ['a', 'b'] as const) certify(end);
    makeAuthority('wrong', more);
    pair.secrets.a.set('vpn/ca', read('wrong.crt'));
    await reasonsOf(wanted);
  });

  it('takes a renewed certificate without a break, and uses it for what is agreed on next', async () => {
    for (const end of ['a', 'b'] as const) certify(end);
    await pair.join([tunnel('a')], [tunnel('b')]);
    certify('a');
    const [report] = await pair.driver('a').ensure([tunnel('a')], pair.secrets.a);
    expect(report?.state).toBe('up');
    const log = (): string => readFileSync(join(pair.dir('a'), 'vpn1', 'charon.log'), 'utf8');
    expect(log().match(/established between/g)).toHaveLength(1);
    expect(log()).toContain('replaced vici connection');
    // b ends, and a with it: of the old key a knows nothing any more.
    await pair.driver('b').ensure([], new Map());
    await pair.join([tunnel('a')], [tunnel('b')]);
    expect(log().match(/established between/g)).toHaveLength(2);
  });

  it('comes up once the certificate is a good one', async () => {
    certify('a', 'ca', expired);
    certify('b');
    await reasonsOf(/authentication failed/);
    certify('a');
    await pair.until('a', [tunnel('a')], isUp);
  });
});
