/**
 * Addresses outside of a tunnel: what no end of one can have, on whatever machine.
 */
import { type Address, equalAddresses, parseAddress } from '../net/address.ts';
import { containsAddress, parsePrefix } from '../net/prefix.ts';
import type { AttachmentLink } from './link.ts';
import { type At, child, report } from './schema.ts';

/** RFC 6890, RFC 5771, RFC 4291: this host, loopback, multicast, reserved with broadcast, and what needs an interface's name. */
const unusable = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '240.0.0.0/4', '::/127', 'fe80::/10', 'ff00::/8'].flatMap(
  (text) => parsePrefix(text) ?? [],
);

export function checkOuterAddresses({ ipsec, wireguard }: Partial<AttachmentLink>, at: At): void {
  if (ipsec) {
    const here = child(at, 'ipsec');
    checkOuterAddress(parseAddress(ipsec.localAddress ?? ''), child(here, 'localAddress'));
    for (const [i, tunnel] of ipsec.tunnels.entries()) {
      const own = parseAddress(tunnel.localAddress ?? '');
      const peer = parseAddress(tunnel.remoteAddress);
      const local = own ?? parseAddress(ipsec.localAddress ?? '');
      checkOuterAddress(own, child(here, 'tunnels', i, 'localAddress'));
      checkOuterAddress(peer, child(here, 'tunnels', i, 'remoteAddress'));
      if (local && peer && equalAddresses(local, peer)) {
        report(child(here, 'tunnels', i, 'remoteAddress'), 'is localAddress too: a tunnel leads to another machine');
      }
    }
  }
  checkOuterAddress(endpointAddress(wireguard?.endpoint), child(at, 'wireguard', 'endpoint'));
}

/** Of `address:port` or `[address]:port`. */
export function endpointAddress(endpoint: string | undefined): Address | undefined {
  const text = endpoint?.slice(0, endpoint.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
  return parseAddress(text ?? '');
}

function checkOuterAddress(address: Address | undefined, at: At): void {
  if (!address || !unusable.some((range) => containsAddress(range, address))) return;
  report(at, 'is no address that a machine elsewhere could have: write the one that packets to it carry');
}
