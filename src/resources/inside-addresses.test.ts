/** Which block a tunnel gets inside: the same for both ends, none that AWS needs, and from nothing but its outside. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Address, parseAddress } from '../net/address.ts';
import { containsAddress, maskAddress, parseCidr, parsePrefix } from '../net/prefix.ts';
import { parseFile } from './document.ts';
import { freeInsideBlock, insideEnds } from './inside-addresses.ts';
import { manifest } from './manifest.fixture.ts';
import { printResource } from './text.ts';
import { specOf } from './validation.fixture.ts';

const address = (text: string): Address => {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(text);
  return parsed;
};
const end = (text: string, port?: number) => ({ address: address(text), port });
const subnetOf = (cidr: string) => {
  const parsed = parseCidr(cidr);
  return parsed && maskAddress(parsed.address, parsed.length);
};

/** Of one scope, so that no NAT can lie between. */
const outside = fc.tuple(
  fc.oneof(
    fc.integer({ min: 0xcb007100, max: 0xcb0071ff }).map((bits): Address => ({ family: 4, bits: BigInt(bits) })),
    fc.bigInt({ min: 0x2001n << 112n, max: 0x2002n << 112n }).map((bits): Address => ({ family: 6, bits })),
  ),
  fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }),
);

describe('a block inside', () => {
  it('is one for both ends, a /30 that AWS gives to customers, and holds both', () => {
    fc.assert(
      fc.property(outside, outside, ([a, portA], [b, portB]) => {
        fc.pre(a.family === b.family && a.bits !== b.bits);
        const here = insideEnds({ address: a, port: portA }, { address: b, port: portB });
        const there = insideEnds({ address: b, port: portB }, { address: a, port: portA });
        expect(here?.local).toBe(`${there?.remote}/30`);
        expect(there?.local).toBe(`${here?.remote}/30`);
        const block = subnetOf(here?.local ?? '');
        expect(block && containsAddress(block, address(here?.remote ?? ''))).toBe(true);
        const [, , third = 0, fourth = 0] = (here?.remote ?? '').split('.').map(Number);
        expect(third >= 8 && third <= 167).toBe(true);
        expect([1, 2]).toContain(fourth % 4);
        expect(third === 20 && fourth >= 8 && fourth < 12).toBe(false);
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  it('is the one it was, in every version: routers that are not of one version agree', () => {
    expect(insideEnds(end('198.51.100.5'), end('198.51.100.10'))).toEqual({
      local: '169.254.69.225/30',
      remote: '169.254.69.226',
    });
    expect(insideEnds(end('2001:db8::2', 4501), end('2001:db8::1'))).toEqual({
      local: '169.254.102.50/30',
      remote: '169.254.102.49',
    });
  });

  it('gives the lower address to the lower end', () => {
    expect(insideEnds(end('10.0.0.9'), end('10.0.0.10'))?.local).toMatch(/[159]\/30$/);
  });

  it('is another for a tunnel at other ports, and the same at those of IKE as at none', () => {
    const plain = insideEnds(end('192.0.2.1'), end('192.0.2.2'));
    expect(insideEnds(end('192.0.2.1', 500), end('192.0.2.2', 4500))).toEqual(plain);
    expect(insideEnds(end('192.0.2.1', 4501), end('192.0.2.2'))).not.toEqual(plain);
  });

  it.each([
    ['a NAT lies between', '10.0.0.1', '203.0.113.1'],
    ['a NAT lies between, in IPv6', 'fd00::1', '2001:db8::1'],
    ['both ends are one', '203.0.113.1', '203.0.113.1'],
  ])('is none where %s', (_, local, remote) => {
    expect(insideEnds(end(local), end(remote))).toBeUndefined();
  });

  it('that is free is the lowest that overlaps none', () => {
    const taken = ['169.254.8.0/29', '169.254.8.8/30'].flatMap((text) => parsePrefix(text) ?? []);
    expect(freeInsideBlock(taken)).toEqual(parsePrefix('169.254.8.12/30'));
    expect(freeInsideBlock([parsePrefix('169.254.0.0/16') ?? maskAddress(address('::'), 0)])).toBeUndefined();
  });
});

describe('an Attachment without inside addresses', () => {
  const attachment = (tunnels: string, more = 'bgp: {asNumber: 1}') =>
    manifest(
      'Attachment',
      `router: r\nsite: s\nlink: {ipsec: {psk: {secretRef: {name: v, key: k}}, localAddress: 203.0.113.1, tunnels: [${tunnels}]}}\n${more}`,
    );
  const insides = (text: string) =>
    (specOf(text) as { link: { ipsec: { tunnels: { addresses?: unknown }[] } } }).link.ipsec.tunnels.map(
      (tunnel) => tunnel.addresses,
    );

  it('has them as if they were written, at each tunnel that lacks them', () => {
    const written = 'addresses: {local: [169.254.9.2/30], remote: [169.254.9.1]}';
    const [first, second] = insides(
      attachment(`{remoteAddress: 203.0.113.2}, {remoteAddress: 203.0.113.3, ${written}}`),
    );
    const derived = insideEnds(end('203.0.113.1'), end('203.0.113.2'));
    expect(first).toEqual({ local: [derived?.local], remote: [derived?.remote] });
    expect(second).toEqual({ local: ['169.254.9.2/30'], remote: ['169.254.9.1'] });
  });

  it('is printed with them, and read again as the same', () => {
    const [read] = parseFile({ path: 'a.yaml', text: attachment('{remoteAddress: 203.0.113.2}') }).resources;
    const printed = read ? printResource(read.resource, 'yaml') : '';
    expect(printed).toMatch(/local:\n\s+- 169\.254\.\d+\.\d+\/30/);
    expect(specOf(printed)).toEqual(read?.resource.spec);
  });

  it.each<[string, string, RegExp]>([
    ['behind a NAT', attachment('{remoteAddress: 203.0.113.2, localAddress: 10.0.0.1}'), /where no NAT lies between/],
    [
      'towards AWS',
      attachment('{remoteAddress: 203.0.113.2}', 'bgp: {asNumber: 1}\nprofile: aws-vgw-vpn'),
      /AWS chooses both \(causeway link import aws-vpn\)/,
    ],
  ])('is refused %s', (_, text, reason) => {
    expect(parseFile({ path: 'a.yaml', text }).errors).toMatchObject([{ reason: expect.stringMatching(reason) }]);
  });

  it('has them for its static routes too, whose next hops they are', () => {
    const [of] = insides(attachment('{remoteAddress: 203.0.113.2}', 'static: {prefixes: [10.0.0.0/8]}'));
    expect(of).toEqual({ local: [expect.stringMatching(/^169/)], remote: [expect.stringMatching(/^169/)] });
  });

  it('gets none where they are written in the place of one tunnel', () => {
    const written = 'bgp: {asNumber: 1}\naddresses: {local: [192.0.2.1/30], remote: [192.0.2.2]}';
    expect(insides(attachment('{remoteAddress: 203.0.113.2}', written))).toEqual([undefined]);
  });
});
