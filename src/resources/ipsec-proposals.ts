/**
 * Which proposals an IPsec link may make (RFC 8247 for IKEv2, RFC 8221 for ESP), in strongSwan's words.
 */
export interface ProposalProblem {
  readonly isRefused: boolean;
  readonly reason: string;
}

/** MUST NOT there, or no encryption at all. */
const broken = /^(?:des|null|cast128|blowfish\d*|md5(?:_128)?|prfmd5|modp768|modp1024s160)$/;
/** SHOULD NOT, but all that old peers may know: AWS still writes the first two into its samples. */
const weak = /^(?:sha1?|modp1024|prfsha1|3des|modp1536|aes(?:128|192|256)?(?:gcm|ccm)(?:8|64))$/;
const keyExchange = /^(?:modp|ecp|curve|x25519|x448|ke\d)/;
const authenticated = /^(?:aes(?:128|192|256)?(?:gcm|ccm)(?:\d+)?|chacha20poly1305)$/;

/** `part` is the SA that the proposal is for. */
export function proposalProblems(proposal: string, part: 'ike' | 'esp'): readonly ProposalProblem[] {
  const words = proposal.split('-');
  const problems: ProposalProblem[] = [];
  const found = (isRefused: boolean, reason: string): void => {
    problems.push({ isRefused, reason });
  };
  for (const word of words) {
    if (broken.test(word)) found(true, `${word} is broken: write aes256gcm16, sha384, ecp384 or as strong`);
    else if (weak.test(word)) found(false, `${word} is weak: write a stronger one where the peer knows it`);
  }
  const exchanges = words.some((word) => keyExchange.test(word));
  if (part === 'ike') {
    if (!exchanges) found(true, 'names no Diffie-Hellman group, without which IKE has no keys: add ecp384');
    if (words.some((word) => authenticated.test(word)) && !words.some((word) => word.startsWith('prf'))) {
      found(true, 'names no pseudo-random function, which an authenticated cipher does not bring: add prfsha384');
    }
  } else if (!exchanges) {
    found(false, 'names no Diffie-Hellman group: who learns one key learns those that follow; add ecp384');
  }
  return problems;
}
