/**
 * What a pre-shared key has to be made of, where the other end is known to take no other.
 *
 * Invariant: what is said of a key holds nothing of it but its length.
 */

/** Of AWS ("Tunnel options for your Site-to-Site VPN connection"): 8 to 64 letters, digits, "." and "_", no 0 in front. */
export function awsKeyProblem(key: string): string | undefined {
  if (!/^[A-Za-z0-9._]+$/.test(key)) {
    return 'holds something else than letters, digits, "." and "_", of which keys of AWS consist';
  }
  if (key.length < 8 || key.length > 64) return `has ${key.length} characters: keys of AWS have 8 to 64`;
  return key.startsWith('0') ? 'begins with 0, as no key of AWS does' : undefined;
}
