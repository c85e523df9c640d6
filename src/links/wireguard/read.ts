/**
 * What `wg show all dump` prints, as values.
 *
 *   wg ─[blank secrets]→ text ─[readWireguard]→ WireguardDevice[]
 *
 * Invariant: private and preshared keys are not looked at and not kept; a line of another shape is left out.
 */

export interface WireguardDevice {
  readonly interfaceName: string;
  /** Base64; undefined without a private key. */
  readonly publicKey: string | undefined;
  readonly listenPort: number;
  /** 0 for none. */
  readonly fwmark: number;
  readonly peers: readonly WireguardPeer[];
}

export interface WireguardPeer {
  readonly publicKey: string;
  /** Where it was last heard, or is looked for before: `address:port`. */
  readonly endpoint: string | undefined;
  readonly allowedIps: readonly string[];
  /** Unix time in seconds; 0 before the first. */
  readonly latestHandshake: number;
  /** Bytes with their outer WireGuard header, handshakes and keepalives included. */
  readonly received: number;
  readonly sent: number;
  /** Seconds; 0 for none. */
  readonly keepalive: number;
}

export function readWireguard(text: string): WireguardDevice[] {
  const devices = new Map<string, WireguardDevice & { readonly peers: WireguardPeer[] }>();
  for (const line of text.split('\n')) {
    const [interfaceName = '', ...fields] = line.split('\t');
    if (fields.length === 4) {
      const [, publicKey, listenPort, fwmark] = fields;
      devices.set(interfaceName, {
        interfaceName,
        publicKey: unlessNone(publicKey),
        listenPort: Number(listenPort),
        fwmark: numberOrOff(fwmark),
        peers: [],
      });
    } else if (fields.length === 8) {
      const [publicKey = '', , endpoint, allowedIps, latestHandshake, received, sent, keepalive] = fields;
      devices.get(interfaceName)?.peers.push({
        publicKey,
        endpoint: unlessNone(endpoint),
        allowedIps: unlessNone(allowedIps)?.split(',') ?? [],
        latestHandshake: Number(latestHandshake),
        received: Number(received),
        sent: Number(sent),
        keepalive: numberOrOff(keepalive),
      });
    }
  }
  return [...devices.values()];
}

function unlessNone(field: string | undefined): string | undefined {
  return field === '(none)' ? undefined : field;
}

function numberOrOff(field: string | undefined): number {
  return field === 'off' ? 0 : Number(field);
}
