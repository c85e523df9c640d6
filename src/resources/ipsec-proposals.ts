/**
 * Which proposals an IPsec link may make (RFC 8247 for IKEv2, RFC 8221 for ESP), in strongSwan's words.
 */
export interface ProposalProblem {
  readonly isRefused: boolean;
  readonly reason: string;
}

/** MUST NOT there, or no encryption or no secret at all. */
const broken =
  /^(?:des|null|cast128|blowfish\d*|aes(?:128|192|256)?gmac|md5(?:_128)?|prfmd5|modp768|modp1024s160|modpnull|modpcustom)$/;
/** SHOULD NOT, or smaller than those; but all that old peers may know: AWS still writes the first two into its samples. */
const weak =
  /^(?:sha1?(?:_160)?|modp1024|prfsha1|3des|modp1536|modp2048s224|modp2048s256|ecp192|(?:aes|camellia)(?:128|192|256)?(?:gcm|ccm)(?:8|64))$/;

const keyExchange = /^(?:modp\d+(?:s\d+)?|modp(?:null|custom)|ecp\d+(?:bp)?|curve\d+|x25519|x448|ntru\d+|newhope128)$/;
/** Beside the first: strongSwan 6. */
const furtherExchange = /^ke[1-7]_[a-z0-9_]+$/;
/** A cipher that brings its integrity with it (RFC 5282). */
const authenticated =
  /^(?:(?:aes|camellia)(?:128|192|256)?(?:gcm|ccm)(?:8|12|16|64|96|128)?|chacha20poly1305(?:compat)?)$/;
const cipher =
  /^(?:des|3des|null|cast128|(?:blowfish|twofish|serpent)(?:128|192|256)?|(?:aes|camellia)(?:128|192|256)?(?:ctr)?)$/;
const integrity = /^(?:md5(?:_128)?|sha1?(?:_160)?|sha(?:2_)?(?:256(?:_96)?|384|512)|aesxcbc|camelliaxcbc|aescmac)$/;
const pseudoRandom = /^prf(?:md5|sha(?:1|256|384|512)|aesxcbc|aescmac|camelliaxcbc)$/;
const other = /^(?:esn|noesn|modpnone)$/;
const known = [keyExchange, furtherExchange, authenticated, cipher, integrity, pseudoRandom, other];

/** Whether a word of it names a Diffie-Hellman group, or what took its place. */
export function namesKeyExchange(proposal: string): boolean {
  return proposal.split('-').some((word) => keyExchange.test(word) || furtherExchange.test(word));
}

/** `part` is the SA that the proposal is for. */
export function proposalProblems(proposal: string, part: 'ike' | 'esp'): readonly ProposalProblem[] {
  const words = proposal.split('-');
  const has = (kind: RegExp): boolean => words.some((word) => kind.test(word));
  const problems: ProposalProblem[] = [];
  const found = (isRefused: boolean, reason: string): void => {
    problems.push({ isRefused, reason });
  };
  for (const word of words) {
    if (broken.test(word)) found(true, `${word} is broken: write aes256gcm16, sha384, ecp384 or as strong`);
    else if (weak.test(word)) found(false, `${word} is weak: write a stronger one where the peer knows it`);
    else if (!known.some((kind) => kind.test(word))) {
      found(false, `${word} is no word of strongSwan 5.9, which then refuses the whole proposal: correct it`);
    }
  }
  // RFC 7296 §3.3: none of the two mixes them.
  if (has(authenticated) && has(cipher)) {
    found(true, 'mixes a cipher that brings its integrity with one that does not: write two proposals');
  }
  const bringsIntegrity = has(authenticated) || has(integrity);
  // A word that is not known may be what is missing.
  if (!bringsIntegrity && has(cipher)) {
    found(true, 'names no integrity algorithm, so packets could be changed on their way: add sha384');
  }
  if (part === 'ike') {
    if (!has(keyExchange)) found(true, 'names no Diffie-Hellman group, without which IKE has no keys: add ecp384');
    if (has(authenticated) && !has(pseudoRandom)) {
      found(true, 'names no pseudo-random function, which an authenticated cipher does not bring: add prfsha384');
    }
  } else if (!has(keyExchange)) {
    found(false, 'names no Diffie-Hellman group: who learns one key learns those that follow; add ecp384');
  }
  return problems;
}
