/**
 * What a VPN connection is to be encrypted with, in strongSwan's words.
 *
 *   AskedCrypto ─[strongswanProposals]→ one proposal each for IKE and ESP
 */
import type { AskedCrypto } from './vpn-connection.ts';

export interface Proposals {
  readonly ike: string;
  readonly esp: string;
}

/**
 * The strongest that AWS takes. Alone: its endpoints choose the weakest of what both ends allow, and a tunnel's options allow
 * everything unless they were narrowed.
 */
export const strongProposals: Proposals = { ike: 'aes256gcm16-prfsha384-ecp384', esp: 'aes256gcm16-ecp384' };

/** Groups of RFC 3526, 5114 and 5903 by the number that AWS gives (group14). */
const groups: Readonly<Record<string, string>> = {
  2: 'modp1024',
  5: 'modp1536',
  14: 'modp2048',
  15: 'modp3072',
  16: 'modp4096',
  17: 'modp6144',
  18: 'modp8192',
  19: 'ecp256',
  20: 'ecp384',
  21: 'ecp521',
  22: 'modp1024s160',
  23: 'modp2048s224',
  24: 'modp2048s256',
};

/** Undefined where a word is not known or missing. */
export function strongswanProposals(ike: AskedCrypto, esp: AskedCrypto): Proposals | undefined {
  const ofIke = proposal(ike, 'prf');
  const ofEsp = proposal(esp, '');
  return ofIke === undefined || ofEsp === undefined ? undefined : { ike: ofIke, esp: ofEsp };
}

/** With AES-GCM (RFC 4106) a hash is only the pseudo-random function of IKE, and ESP has none. */
function proposal(asked: AskedCrypto, prf: 'prf' | ''): string | undefined {
  const { encryption = '', integrity = '' } = asked;
  const bits = /^aes-?(128|192|256)\b/.exec(encryption)?.[1];
  const hash = hashOf(integrity);
  const group = groups[/^group([0-9]{1,2})$/.exec(asked.group ?? '')?.[1] ?? ''];
  if (bits === undefined || hash === undefined || group === undefined) return undefined;
  if (!encryption.includes('gcm')) return `aes${bits}-${hash}-${group}`;
  return prf ? `aes${bits}gcm16-prf${hash}-${group}` : `aes${bits}gcm16-${group}`;
}

/** `sha1`, `hmac-sha1-96`, `sha2-256`, `hmac-sha2-256-128`, `sha256`. */
function hashOf(words: string): string | undefined {
  const found = /(?:^|-)sha(?:(1)|2-(256|384|512)|(256|384|512))(?:-|$)/.exec(words);
  const size = found?.[1] ?? found?.[2] ?? found?.[3];
  return size === undefined ? undefined : `sha${size}`;
}

/** `aes-128-cbc sha1 group2`, as the file has it. */
export function printAsked({ encryption, integrity, group }: AskedCrypto): string {
  return [encryption, integrity, group].map((word) => word ?? '?').join(' ');
}
