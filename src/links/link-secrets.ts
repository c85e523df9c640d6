/**
 * Which secrets links need.
 *
 *   LinkIntent[] ─[linkSecrets]→ SecretRef[] → what reads them, for the driver alone
 */
import type { LinkIntent } from '../intent/links/links-intent.ts';
import type { SecretRef } from '../resources/secret-ref.ts';

export function linkSecrets(links: readonly LinkIntent[]): readonly SecretRef[] {
  return links.flatMap(secretsOf);
}

function secretsOf(link: LinkIntent): readonly SecretRef[] {
  switch (link.kind) {
    case 'interface':
    case 'vlan':
      return [];
    case 'wireguard':
      return link.peer.presharedKey ? [link.peer.presharedKey] : [];
    case 'ipsec':
      return authenticationSecrets(link.authentication);
  }
}

function authenticationSecrets(
  authentication: Extract<LinkIntent, { kind: 'ipsec' }>['authentication'],
): readonly SecretRef[] {
  switch (authentication.kind) {
    case 'psk':
      return [authentication.secret];
    case 'certificate':
      return [authentication.certificate, authentication.privateKey, authentication.authority];
  }
}
