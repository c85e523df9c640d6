/** What charon tells of tunnels, and why they do not come up. */
import { describe, expect, it } from 'vitest';
import { readAssociations } from './associations.ts';
import { failureOf, noFailures, noteLog, noteUp } from './failure.ts';
import type { ViciSection } from './vici-message.ts';

const esp = (uniqueid: string, state: string, more: ViciSection = {}): ViciSection => ({
  uniqueid,
  state,
  encap: 'yes',
  'encr-alg': 'AES_GCM_16',
  'encr-keysize': '256',
  'dh-group': 'ECP_384',
  'bytes-in': '120',
  'bytes-out': '240',
  'rekey-time': '3000',
  ...more,
});

const ike = (state: string, children: ViciSection): ViciSection => ({
  dc: {
    state,
    'local-host': '2001:db8::1',
    'local-port': '4500',
    'remote-host': '192.0.2.1',
    'remote-port': '4500',
    established: '60',
    'encr-alg': 'AES_CBC',
    'encr-keysize': '128',
    'integ-alg': 'HMAC_SHA2_256_128',
    'prf-alg': 'PRF_HMAC_SHA2_256',
    'dh-group': 'MODP_2048',
    'child-sas': children,
  },
});

describe('a tunnel', () => {
  it.each([
    ['ESTABLISHED', 'INSTALLED', true],
    ['REKEYING', 'INSTALLED', true],
    ['ESTABLISHED', 'REKEYING', true],
    ['ESTABLISHED', 'REKEYED', true],
    ['CONNECTING', 'CREATED', false],
    ['ESTABLISHED', 'INSTALLING', false],
    ['ESTABLISHED', 'DELETING', false],
    ['DELETING', 'INSTALLED', false],
  ])('with IKE %s and ESP %s: up is %s', (outer, inner, isUp) => {
    expect(readAssociations([ike(outer, { 'dc-1': esp('1', inner) })], 'dc').isUp).toBe(isUp);
  });

  it('is told of as swanctl prints it', () => {
    expect(readAssociations([ike('ESTABLISHED', { 'dc-1': esp('1', 'INSTALLED') })], 'dc').report).toEqual({
      local: '[2001:db8::1]:4500',
      remote: '192.0.2.1:4500',
      ikeProposal: 'AES_CBC-128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048',
      espProposal: 'AES_GCM_16-256/ECP_384',
      isEncapsulated: true,
      establishedFor: 60,
      rekeyIn: 3000,
      received: 120,
      sent: 240,
    });
  });

  it('counts by its newest keys', () => {
    const children = { 'dc-9': esp('9', 'REKEYED'), 'dc-10': esp('10', 'INSTALLED', { 'bytes-in': '7' }) };
    expect(readAssociations([ike('ESTABLISHED', children)], 'dc').report.received).toBe(7);
  });

  it('is not another one', () => {
    const events = [ike('ESTABLISHED', { 'dc-1': esp('1', 'INSTALLED') })];
    expect(readAssociations(events, 'other')).toMatchObject({ isUp: false, isConnecting: false });
  });

  it('is being brought up while IKE connects', () => {
    expect(readAssociations([ike('CONNECTING', {})], 'dc')).toMatchObject({ isUp: false, isConnecting: true });
  });
});

describe('a failure', () => {
  const reasonAfter = (...lines: readonly string[]): string | undefined =>
    failureOf(
      lines.reduce((failures, line) => noteLog(failures, 'dc', line), noFailures),
      'dc',
    );

  it.each([
    ['received AUTHENTICATION_FAILED notify error', /^authentication failed: the peer refuses/],
    [
      "tried 1 shared key for '192.0.2.1' - '192.0.2.2', but MAC mismatched",
      /^authentication failed: the pre-shared key/,
    ],
    ["no shared key found for '192.0.2.1' - '192.0.2.2'", /^authentication failed: no pre-shared key/],
    ['subject certificate invalid (valid from Jan 01 to Jan 02)', /has expired or is not valid yet/],
    ["no trusted ECDSA public key found for 'a.test'", /not from the authority, or names another identity$/],
    ["constraint check failed: identity 'x' required ", /identity/],
    ['received NO_PROPOSAL_CHOSEN notify error', /none of the proposals/],
    ['received proposals unacceptable', /makes none of the proposals/],
    ['received TS_UNACCEPTABLE notify, no CHILD_SA built', /selectors/],
    ['giving up after 4 retransmits', /does not answer/],
  ])('is told by %s', (line, reason) => expect(reasonAfter(line)).toMatch(reason));

  it('says nothing of what a peer sent', () => {
    expect(reasonAfter("no trusted ECDSA public key found for 'CN=hostile'")).not.toContain('hostile');
  });

  it('is the first of its attempt', () => {
    const first = reasonAfter(
      'subject certificate invalid (valid from a to b)',
      "no trusted RSA public key found for 'a.test'",
    );
    expect(first).toMatch(/expired/);
  });

  it('stays until a later attempt fails otherwise', () => {
    const old = 'received NO_PROPOSAL_CHOSEN notify error';
    expect(reasonAfter(old, 'initiating IKE_SA dc[2] to 192.0.2.1')).toMatch(/proposals/);
    expect(reasonAfter(old, 'initiating IKE_SA dc[2] to 192.0.2.1', 'giving up after 4 retransmits')).toMatch(/answer/);
    expect(
      reasonAfter(old, '192.0.2.1 is initiating an IKE_SA', 'received AUTHENTICATION_FAILED notify error'),
    ).toMatch(/auth/);
  });

  it("is forgotten once the tunnel is up, and is no other tunnel's", () => {
    const failures = noteLog(noFailures, 'dc', 'giving up after 4 retransmits');
    expect(failureOf(noteUp(failures, 'dc'), 'dc')).toBeUndefined();
    expect(failureOf(failures, 'other')).toBeUndefined();
  });
});
