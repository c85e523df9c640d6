/** A WireGuard link in the middle of the road, for tests to change what they are about. */
import { parseAddress } from '../../net/address.ts';
import type { WireguardLinkIntent } from './links-intent.ts';

/** A key that can be one: 32 bytes in Base64, told apart by a letter. */
export const wireguardKey = (letter: string): string => `${letter.repeat(42)}A=`;

export function wireguardLink(
  change: Partial<Omit<WireguardLinkIntent, 'peer'>> & { readonly peer?: Partial<WireguardLinkIntent['peer']> } = {},
): WireguardLinkIntent {
  return {
    kind: 'wireguard',
    attachment: 'site',
    interfaceName: 'wg0',
    addresses: [],
    remotes: [],
    mtu: 1420,
    mssClamp: undefined,
    underlay: undefined,
    listenPort: 51820,
    ...change,
    peer: {
      publicKey: wireguardKey('p'),
      presharedKey: undefined,
      endpoint: endpointAt('192.0.2.1', 51821),
      allowFrom: [],
      keepalive: 25,
      ...change.peer,
    },
  };
}

export function endpointAt(text: string, port: number): WireguardLinkIntent['peer']['endpoint'] {
  const address = parseAddress(text);
  return address && { address, port };
}
