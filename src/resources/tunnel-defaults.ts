/**
 * What an IPsec tunnel is given where its Attachment says nothing.
 *
 * The times and the window are those of an AWS Site-to-Site VPN ("Tunnel options", read in 2026): an endpoint there takes the
 * weakest proposal that both ends know, so ours are few and strong.
 */
export const ipsecDefaults = {
  /** ECP-384 is Diffie-Hellman group 20. */
  ikeProposals: ['aes256gcm16-prfsha384-ecp384'],
  /** With a group, so that each key of a child SA is independent of those before (perfect forward secrecy). */
  espProposals: ['aes256gcm16-ecp384'],
  /** Seconds. */
  ikeLifetime: 28_800,
  espLifetime: 3600,
  rekeyMargin: 270,
  /** Percent. */
  rekeyFuzz: 100,
  /** Packets. */
  replayWindow: 1024,
  /** Seconds. */
  dpd: { delay: 10, timeout: 30 },
} as const;

/** What WireGuard's own tools document. */
export const wireguardDefaults = {
  listenPort: 51_820,
  /** Seconds: less than what NATs keep a UDP flow for. */
  keepalive: 25,
} as const;
