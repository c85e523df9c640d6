/**
 * What is wrong with the certificates and the key of this router, of which charon and the peer would say little or nothing.
 *
 *   secrets ─[credentialProblem]→ why there can be no tunnel       secrets, time ─[certificateProblem]→ why there is none now
 *           └[certificatesUntil]→ when there will be none
 *
 * Invariant: of a certificate nothing is told but when it is valid, of a key nothing.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { IpsecTunnelIntent } from '../../intent/links/links-intent.ts';
import { pemBlocks } from '../../links/ipsec/connection.ts';
import type { SecretRef } from '../../resources/secret-ref.ts';

type Secrets = ReadonlyMap<string, string>;

/** Certificate and key as they are stored, whatever the time. */
export function credentialProblem({ authentication }: IpsecTunnelIntent, secrets: Secrets): string | undefined {
  if (authentication.kind === 'psk') return undefined;
  const { certificate, privateKey, authority } = authentication;
  const own = certificateOf(secrets, certificate);
  if (!own) return `${print(certificate)} is no certificate in PEM`;
  if (!certificateOf(secrets, authority)) return `${print(authority)} is no certificate in PEM`;
  const [block = ''] = pemBlocks(textOf(secrets, privateKey), /PRIVATE KEY/);
  // In the label of PKCS #8 (RFC 7468 §11), in a header of older forms (RFC 1421 §4.6.1.1).
  if (/^(?:-----BEGIN |Proc-Type: 4,)ENCRYPTED/m.test(block)) {
    return `${print(privateKey)} is encrypted: store the key without a passphrase (openssl pkey -in FILE)`;
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(block);
  } catch {
    return `${print(privateKey)} is no private key in PEM`;
  }
  return own.checkPrivateKey(key)
    ? undefined
    : `the private key ${print(privateKey)} does not belong to the certificate ${print(certificate)}`;
}

/** Of a tunnel that is not up: what of the certificates would keep it so. `now` in ms. */
export function certificateProblem(
  { authentication }: IpsecTunnelIntent,
  secrets: Secrets,
  now: number,
): string | undefined {
  if (authentication.kind === 'psk') return undefined;
  const { certificate, authority } = authentication;
  const own = validityProblem(
    `this router's certificate ${print(certificate)}`,
    certificateOf(secrets, certificate),
    now,
  );
  if (own !== undefined) return own;
  const root = certificateOf(secrets, authority);
  const about = `the authority's certificate ${print(authority)}`;
  if (root && !root.ca) return `authentication failed: ${about} is not that of an authority (CA:TRUE is missing)`;
  return validityProblem(about, root, now);
}

/** When the first of all of them ends, in RFC 3339; undefined without certificates. */
export function certificatesUntil({ authentication }: IpsecTunnelIntent, secrets: Secrets): string | undefined {
  if (authentication.kind === 'psk') return undefined;
  const blocks = [authentication.certificate, authentication.authority].flatMap((ref) =>
    pemBlocks(textOf(secrets, ref), /CERTIFICATE/),
  );
  const ends = blocks.flatMap((block) => Date.parse(readCertificate(block)?.validTo ?? '') || []);
  return ends.length === 0 ? undefined : new Date(Math.min(...ends)).toISOString();
}

function validityProblem(about: string, certificate: X509Certificate | undefined, now: number): string | undefined {
  if (!certificate) return undefined;
  const { validFrom, validTo } = certificate;
  if (now > Date.parse(validTo)) return `authentication failed: ${about} expired at ${utc(validTo)}`;
  if (now < Date.parse(validFrom)) return `authentication failed: ${about} is not valid before ${utc(validFrom)}`;
  return undefined;
}

/** The first of several: the others are of those who signed it. */
function certificateOf(secrets: Secrets, ref: SecretRef): X509Certificate | undefined {
  return readCertificate(pemBlocks(textOf(secrets, ref), /CERTIFICATE/)[0] ?? '');
}

function readCertificate(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
}

const textOf = (secrets: Secrets, { name, key }: SecretRef): string => secrets.get(`${name}/${key}`) ?? '';
const print = ({ name, key }: SecretRef): string => `${name}/${key}`;
const utc = (time: string): string => new Date(time).toISOString();
