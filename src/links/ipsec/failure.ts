/**
 * Why a tunnel does not come up, from what charon logs while it tries.
 *
 *   charon → `log` events ─[noteLog]→ Failures ─[failureOf]→ LinkReport.reason
 *
 * Invariant: of a line only what kind of line it is gets through: a reason is one of the sentences here, so that neither an
 * identity nor anything a peer sends reaches status. The first failure of an attempt is its cause, and stays until a later attempt
 * fails or the tunnel is up.
 */

interface Attempt {
  readonly reason: string | undefined;
  /** The reason is that of an earlier attempt. */
  readonly isOld: boolean;
}

export type Failures = ReadonlyMap<string, Attempt>;

export const noFailures: Failures = new Map();

/** From charon's sources, 5.9: parts of lines, the most telling first. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [
    /(?:subject|issuer) certificate invalid/,
    "authentication failed: a certificate of the peer's has expired or is not valid yet",
  ],
  [/certificate was revoked/, "authentication failed: the peer's certificate was revoked"],
  [/but MAC mismatched/, 'authentication failed: the pre-shared key of the peer is another one'],
  [/no shared key found/, 'authentication failed: no pre-shared key for the identities of both ends'],
  [/no private key found/, 'authentication failed: the private key does not belong to the certificate'],
  [
    /no trusted .* public key found/,
    "authentication failed: the peer's certificate is not from the authority, or names another identity",
  ],
  [
    /constraint check failed|no matching peer config found/,
    "authentication failed: the peer's identity is not what remoteID says",
  ],
  [
    /received AUTHENTICATION_FAILED notify/,
    'authentication failed: the peer refuses the key, the certificate or the identity of this router',
  ],
  [
    /received NO_PROPOSAL_CHOSEN notify/,
    'the peer accepts none of the proposals, or knows of no tunnel to this router',
  ],
  [/received proposals unacceptable|no acceptable proposal found/, 'the peer makes none of the proposals'],
  [
    /received TS_UNACCEPTABLE notify|traffic selectors .* inacceptable/,
    'the peer refuses the selectors 0.0.0.0/0, ::/0',
  ],
  [/no IKE config found/, 'the peer speaks from or to an address or with proposals that are not configured'],
  [/giving up after \d+ retransmits|peer not responding/, 'the peer does not answer'],
  [/error writing to socket|Network is unreachable/, 'no route to the peer'],
];

const attemptBegins = /^initiating IKE_SA|is initiating an IKE_SA$/;

/** `connection` is empty for a line that is about none. */
export function noteLog(failures: Failures, connection: string, line: string): Failures {
  const before = failures.get(connection);
  if (attemptBegins.test(line)) return replace(failures, connection, { reason: before?.reason, isOld: true });
  const reason = meanings.find(([pattern]) => pattern.test(line))?.[1];
  if (reason === undefined || (before?.reason !== undefined && !before.isOld)) return failures;
  return replace(failures, connection, { reason, isOld: false });
}

export function noteUp(failures: Failures, connection: string): Failures {
  const rest = new Map(failures);
  rest.delete(connection);
  return rest;
}

export function failureOf(failures: Failures, connection: string): string | undefined {
  return failures.get(connection)?.reason;
}

function replace(failures: Failures, connection: string, attempt: Attempt): Failures {
  return new Map(failures).set(connection, attempt);
}
