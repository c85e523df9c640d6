/** IPsec tunnels whose ends prove who they are by certificates. */
import { execFileSync } from 'node:child_process';
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

function makeAuthority(name: string): void {
  pki(`${name}.key`, '--gen', '--type', 'ecdsa', '--size', '256');
  pki(`${name}.crt`, '--self', '--ca', '--in', file(`${name}.key`), '--type', 'ecdsa', '--dn', `CN=${name}`);
}

const expired = ['--dateform', '%Y', '--not-before', '2020', '--not-after', '2021'];

/** The secrets of one end: its certificate from `authority`, and `ca` as whom it trusts. */
function certify(end: End, authority = 'ca', validity: readonly string[] = []): void {
  pki(`${end}.key`, '--gen', '--type', 'ecdsa', '--size', '256');
  const from = ['--cacert', file(`${authority}.crt`), '--cakey', file(`${authority}.key`)];
  const subject = ['--dn', `CN=${end}`, '--san', `${end}.test`];
  pki(`${end}.crt`, '--issue', '--in', file(`${end}.key`), '--type', 'ecdsa', ...from, ...subject, ...validity);
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

describe('an IPsec tunnel with certificates', { timeout: 60_000 }, () => {
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

  it('does not come up with a certificate from an authority that the peer does not trust', async () => {
    certify('a', 'other');
    certify('b');
    const { b } = await reasonsOf(/authentication failed/);
    expect(b).toBe("authentication failed: the peer's certificate is not from the authority");
  });

  it('comes up once the certificate is a good one', async () => {
    certify('a', 'ca', expired);
    certify('b');
    await reasonsOf(/authentication failed/);
    certify('a');
    await pair.until('a', [tunnel('a')], isUp);
  });
});
