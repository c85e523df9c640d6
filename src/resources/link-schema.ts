/**
 * The schema of an Attachment's link.
 *
 * Invariant: exactly one link; keys and passwords are only ever references to secrets.
 */
import { cidrOrAddress, duration, interfaceAddress, interfaceName, ip } from './fields.ts';
import type {
  AttachmentLink,
  InterfaceLink,
  IpsecCertificate,
  IpsecLink,
  IpsecProposals,
  IpsecTunnelSpec,
  VlanLink,
  WireguardLink,
} from './link.ts';
import {
  boolean,
  exactlyOne,
  integer,
  list,
  object,
  omitEmpty,
  oneOf,
  optional,
  required,
  showValue,
  text,
} from './schema.ts';
import { secretReference } from './secret-ref.ts';

const proposal = text((value) =>
  /^[a-z0-9]+(?:-[a-z0-9_]+)+$/.test(value)
    ? undefined
    : `${showValue(value)} is no proposal: write strongSwan's words, such as aes256gcm16-prfsha384-ecp384`,
);

const ikeIdentity = text((value) =>
  /^[A-Za-z0-9@%:.,=_+*/ -]{1,255}$/.test(value)
    ? undefined
    : `${showValue(value)} is no IKE identity: write an address, a DNS name, or the subject of a certificate`,
);

const proposals = object<IpsecProposals>({
  proposals: omitEmpty(list(proposal, { unique: true, max: 32 })),
  lifetime: omitEmpty(duration),
});

const certificate = object<IpsecCertificate>({
  certificate: required(secretReference),
  privateKey: required(secretReference),
  authority: required(secretReference),
});

/** To one peer: each brings at most what one flow may, and no machine has more. Checks between them cost the square. */
const mostTunnels = 64;
/** Of one device. */
export const mostAddresses = 64;

const port = integer(1, 65_535);

const tunnel = object<IpsecTunnelSpec>({
  interface: omitEmpty(interfaceName),
  localAddress: omitEmpty(ip()),
  remoteAddress: required(ip()),
  localID: omitEmpty(ikeIdentity),
  remoteID: omitEmpty(ikeIdentity),
  psk: optional(secretReference),
  addresses: optional(
    object<NonNullable<IpsecTunnelSpec['addresses']>>({
      local: omitEmpty(list(interfaceAddress, { unique: true, max: mostAddresses })),
      remote: omitEmpty(list(ip(), { unique: true, max: mostAddresses })),
    }),
  ),
  localPort: omitEmpty(port),
  remotePort: omitEmpty(port),
});

const ipsec = object<IpsecLink>({
  localAddress: omitEmpty(ip()),
  localID: omitEmpty(ikeIdentity),
  remoteID: omitEmpty(ikeIdentity),
  psk: optional(secretReference),
  certificate: optional(certificate),
  ike: optional(proposals),
  esp: optional(proposals),
  rekeyMargin: omitEmpty(duration),
  rekeyFuzz: optional(integer(0, 100)),
  // Zero is no absence: it would switch the protection off.
  replayWindow: optional(integer(32, 4096)),
  dpd: optional(object<NonNullable<IpsecLink['dpd']>>({ delay: omitEmpty(duration), timeout: omitEmpty(duration) })),
  initiate: optional(boolean),
  natTraversal: omitEmpty(oneOf('auto', 'always')),
  tunnels: required(list(tunnel, { min: 1, max: mostTunnels })),
});

const wireguardKey = text((value) =>
  /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(value)
    ? undefined
    : 'this is no WireGuard key: write the 44 characters that status shows at the other end, or that "wg pubkey" prints',
);

const endpoint = text((value) =>
  /^(?:[0-9.]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}$/.test(value)
    ? undefined
    : `${showValue(value)} is no endpoint: write address:port, such as 192.0.2.1:51820 or [2001:db8::1]:51820`,
);

const wireguard = object<WireguardLink>({
  interface: omitEmpty(interfaceName),
  listenPort: omitEmpty(port),
  peerPublicKey: required(wireguardKey),
  presharedKey: optional(secretReference),
  endpoint: omitEmpty(endpoint),
  allowFrom: omitEmpty(list(cidrOrAddress(), { unique: true })),
  keepalive: omitEmpty(duration),
});

export const linkSchema = object<AttachmentLink>(
  {
    interface: optional(
      object<InterfaceLink>({
        name: required(interfaceName),
        network: omitEmpty(oneOf('subnet', 'vpc-peering', 'vpn-gateway')),
      }),
    ),
    vlan: optional(object<VlanLink>({ parent: required(interfaceName), id: required(integer(1, 4094)) })),
    ipsec: optional(ipsec),
    wireguard: optional(wireguard),
  },
  exactlyOne<AttachmentLink>('interface', 'vlan', 'ipsec', 'wireguard'),
);
