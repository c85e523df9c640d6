import { describe, expect, it } from 'vitest';
import { clampOf, ipsecMtu, wireguardMtu } from './tunnel-mtu.ts';

describe('what fits into a tunnel', () => {
  // AWS, "Best practices for your customer gateway device": with NAT traversal, which is always counted.
  it.each([
    ['AES-GCM', 'aes256gcm16-ecp384', 1438],
    ['AES-GCM with the tag in bits', 'aes128gcm128-modp2048', 1438],
    ['AES-CBC with SHA-1', 'aes128-sha1-modp1024', 1422],
    ['AES-CBC with SHA-256', 'aes256-sha256-modp2048', 1422],
    ['AES-CBC with SHA-384', 'aes256-sha384-ecp384', 1422],
    ['AES-CBC with SHA-512', 'aes256-sha512-ecp384', 1406],
    ['ChaCha20-Poly1305', 'chacha20poly1305-x25519', 1438],
    ['a tag of 8 or of 16 bytes', 'aes128gcm8-aes256gcm16-ecp384', 1438],
    ['SHA-256 cut to 96 bits', 'aes256-sha256_96-ecp384', 1422],
    ['one hash or another', 'aes256-sha1-sha512-ecp384', 1406],
    ['what is not known', 'camellia256-whirlpool-ecp384', 1406],
  ])('of IPsec with %s', (_, proposal, mtu) => {
    expect(ipsecMtu(1500, 4, [proposal])).toBe(mtu);
  });

  /** RFC 4303: SPI and number, vector, packet with padding, its length and next header, check value; in UDP (RFC 3948), in IP. */
  const outside = (inner: number, ipHeader: number, iv: number, icv: number, block: number) =>
    ipHeader + 8 + 8 + iv + Math.ceil((inner + 2) / block) * block + icv;

  it.each<[string, 4 | 6, number, number, number]>([
    ['aes256gcm16-ecp384', 4, 8, 16, 4],
    ['aes256gcm16-ecp384', 6, 8, 16, 4],
    ['aes256ctr-sha512-ecp384', 4, 8, 32, 4],
    ['aes128-sha1-modp2048', 4, 16, 12, 16],
    ['aes256-sha384-ecp384', 6, 16, 24, 16],
    ['aes256-sha512-ecp384', 6, 16, 32, 16],
  ])('of IPsec with %s over IPv%d is the most that does', (proposal, family, iv, icv, block) => {
    const ipHeader = family === 4 ? 20 : 40;
    for (let outer = 1280; outer <= 9001; outer++) {
      const mtu = ipsecMtu(outer, family, [proposal]);
      expect(outside(mtu, ipHeader, iv, icv, block)).toBeLessThanOrEqual(outer);
      expect(outside(mtu + 1, ipHeader, iv, icv, block)).toBeGreaterThan(outer);
    }
  });

  it('of IPsec is what fits with every proposal, the peer chooses', () => {
    expect(ipsecMtu(1500, 4, ['aes256gcm16-ecp384', 'aes256-sha512-ecp384'])).toBe(1406);
  });

  it('shrinks with the outer header', () => {
    expect(ipsecMtu(1500, 6, ['aes256gcm16-ecp384'])).toBe(1418);
    expect(ipsecMtu(8500, 4, ['aes256gcm16-ecp384'])).toBe(8438);
  });

  it.each([
    ['IPv4', 4, 1440],
    ['IPv6', 6, 1420],
    ['a family that is not known', undefined, 1420],
  ] as const)('of WireGuard over %s', (_, family, mtu) => {
    expect(wireguardMtu(1500, family)).toBe(mtu);
  });
});

describe('segments', () => {
  it.each([
    ['that fill the packet', true, { ipv4: 1398, ipv6: 1378 }],
    ['as small as written', 1200, { ipv4: 1200, ipv6: 1200 }],
    ['no larger than fits, whatever is written', 1390, { ipv4: 1390, ipv6: 1378 }],
    ['of any size where nothing is clamped', false, undefined],
  ])('%s', (_, written, sizes) => {
    expect(clampOf(written, 1438)).toEqual(sizes);
  });
});
