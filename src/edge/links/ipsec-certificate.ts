/**
 * What is wrong with this router's own certificate, which the peer would only refuse without saying why.
 *
 * Invariant: nothing of a certificate is told but when it is valid.
 */
import { X509Certificate } from 'node:crypto';
import type { IpsecTunnelIntent } from '../../intent/links/links-intent.ts';

/** `now` in ms. */
export function certificateProblem(
  { authentication }: IpsecTunnelIntent,
  secrets: ReadonlyMap<string, string>,
  now: number,
): string | undefined {
  if (authentication.kind === 'psk') return undefined;
  const { name, key } = authentication.certificate;
  try {
    const { validFrom, validTo } = new X509Certificate(secrets.get(`${name}/${key}`) ?? '');
    if (now > Date.parse(validTo))
      return `authentication failed: this router's certificate ${name}/${key} expired at ${utc(validTo)}`;
    if (now < Date.parse(validFrom))
      return `this router's certificate ${name}/${key} is not valid before ${utc(validFrom)}`;
    return undefined;
  } catch {
    return `${name}/${key} is no certificate in PEM`;
  }
}

const utc = (time: string): string => new Date(time).toISOString();
