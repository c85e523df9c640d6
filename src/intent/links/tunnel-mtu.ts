/**
 * How large an IP packet inside a tunnel may be, and how much of it is TCP payload.
 *
 *   outer MTU, family, suite ─[ipsecMtu | wireguardMtu]→ inner MTU ─[clampOf]→ MSS
 *
 * Invariant: pure, in bytes, and never more than fits: what is not known is counted with its largest size. The numbers are
 * those of AWS's "Best practices for your customer gateway device" (AES-GCM: 1446 of 1500, 1438 behind a NAT).
 */
import type { Family } from '../../net/address.ts';
import type { LinkIntent } from './links-intent.ts';

interface EspSuite {
  /** Of each packet: initialization vector, and integrity check value. */
  readonly iv: number;
  readonly icv: number;
  /** What the encrypted part is padded to a multiple of. */
  readonly block: number;
}

const ipHeader: Readonly<Record<Family, number>> = { 4: 20, 6: 40 };
/** What is assumed where nothing says how much a network carries. */
export const ethernetMtu = 1500;
const udpHeader = 8;
/** RFC 4303: SPI and sequence number before the payload; pad length and next header in its last bytes. */
const espHeader = 8;
const espTrailer = 2;
/** Type, receiver and counter before the payload, a Poly1305 tag after it. */
const wireguardOverhead = 16 + 16;
const tcpHeader = 20;

/** An unknown cipher or hash is taken to be as large as the largest known. */
const largest: EspSuite = { iv: 16, icv: 32, block: 16 };

const integrityBytes: Readonly<Record<string, number>> = {
  md5: 12,
  md5_128: 16,
  sha1: 12,
  sha1_160: 20,
  sha: 12,
  aesxcbc: 12,
  camelliaxcbc: 12,
  aescmac: 12,
  sha256: 16,
  sha256_96: 12,
  sha2_256: 16,
  sha2_256_96: 12,
  sha384: 24,
  sha2_384: 24,
  sha512: 32,
  sha2_512: 32,
};

/** Of a proposal in strongSwan's words, which may name several ciphers and hashes, of which the peer takes one. */
function espSuites(proposal: string): readonly EspSuite[] {
  const words = proposal.split('-');
  const icv = Math.max(0, ...words.map((word) => integrityBytes[word] ?? 0)) || largest.icv;
  const suites = words.flatMap((word): EspSuite[] => {
    const aead = /^(?:(?:aes|camellia)(?:128|192|256)?(?:gcm|ccm)|chacha20poly1305)(8|12|16|64|96|128)?$/.exec(word);
    if (aead) return [{ iv: 8, icv: tagBytes(aead[1]), block: 4 }];
    if (/^(?:aes|camellia)(?:128|192|256)?ctr$/.test(word)) return [{ iv: 8, icv, block: 4 }];
    return /^(?:aes|camellia|serpent|twofish)(?:128|192|256)?$/.test(word) ? [{ ...largest, icv }] : [];
  });
  return suites.length > 0 ? suites : [{ ...largest, icv }];
}

/** strongSwan writes the length of a tag in bytes or in bits. */
function tagBytes(text: string | undefined): number {
  const length = Number(text ?? 16);
  return length > 16 ? length / 8 : length;
}

/**
 * The MTU that every one of the proposals keeps to, in tunnel mode. UDP encapsulation is counted always: whether a NAT lies
 * between is known only when the tunnel is there, and may change while it is.
 */
export function ipsecMtu(outerMtu: number, outer: Family, proposals: readonly string[]): number {
  const sizes = proposals.flatMap(espSuites).map(({ iv, icv, block }) => {
    const room = outerMtu - ipHeader[outer] - udpHeader - espHeader - iv - icv;
    return room - (room % block) - espTrailer;
  });
  return Math.min(outerMtu, ...sizes);
}

/** An unknown outer family is taken to be IPv6, the larger one. */
export function wireguardMtu(outerMtu: number, outer: Family = 6): number {
  return outerMtu - ipHeader[outer] - udpHeader - wireguardOverhead;
}

/**
 * Most TCP payload in one segment (RFC 9293 §3.7.1): what fits, or the figure that was written where that is less; undefined
 * where nothing is to be clamped.
 */
export function clampOf(written: boolean | number, mtu: number): LinkIntent['mssClamp'] {
  if (written === false) return undefined;
  const most = written === true ? Number.POSITIVE_INFINITY : written;
  return {
    ipv4: Math.min(most, mtu - ipHeader[4] - tcpHeader),
    ipv6: Math.min(most, mtu - ipHeader[6] - tcpHeader),
  };
}
