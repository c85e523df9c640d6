/**
 * The text of strongswan.conf that a charon is started with.
 *
 *   CharonSettings ─[charonConfig]→ text → STRONGSWAN_CONF
 *
 * Invariant: pure, holds no secret; what logs at level 1 prints no key (charon prints private data from level 4 on). No route
 * of charon's takes effect, and nothing is loaded but what is named here.
 */
import type { IpsecTunnelIntent } from '../../intent/links/links-intent.ts';
import { ownTables } from '../ip-route.ts';

export interface CharonSettings {
  readonly esp: 'kernel' | 'userspace';
  /** UDP; 0 lets the kernel choose. */
  readonly ports: CharonPorts;
  /** Put on IKE, and on ESP in UDP where charon does it: outer packets go by a table of their own. */
  readonly outerMark: number;
  /** Seconds after which a peer that does not answer counts as dead. */
  readonly deadAfter: number;
  readonly socket: string;
  readonly log: string;
}

export interface CharonPorts {
  readonly ike: number;
  readonly natTraversal: number;
}

export const standardPorts: CharonPorts = { ike: 500, natTraversal: 4500 };

/**
 * Who comes first does it: aesni has AES-GCM at more than twice the speed of openssl, which prepares each packet anew, and is passed
 * over where the processor or the package has none. `gcm` and `kdf` are what an older openssl leaves out.
 */
const plugins = ['aesni', 'random', 'nonce', 'openssl', 'pem', 'pkcs1', 'pkcs8', 'x509', 'revocation', 'constraints']
  .concat(['pubkey', 'kdf', 'hmac', 'sha1', 'sha2', 'aes', 'gcm', 'vici'])
  .join(' ');

/** Fewer than 16 threads leave none for VICI while tunnels wait for their peers. */
const threads = 16;

/**
 * kernel-libipsec makes a route into its device for each policy, whatever it is told: into a table that nothing looks at. The rule
 * that looks at it comes after all others, and is taken away once charon has started.
 */
export const unusedRule = 40_000;

/** A charon of the kernel's ESP serves all tunnels, so the most impatient one decides for all. */
export function deadAfter(tunnels: readonly IpsecTunnelIntent[]): number {
  return Math.min(...tunnels.map(({ dpd }) => dpd.timeout));
}

/** Whether a charon that runs by one of them has to start anew for the other: how often it sends again it learns by being told. */
export function needsNewCharon(before: string, after: string): boolean {
  const [was, is] = [before, after].map((text) => text.replaceAll(/^ *retransmit_.*$/gm, ''));
  return was !== is;
}

/** Routes that change are not its affair: a table of a million, learned anew, would keep every charon busy for minutes. */
export function charonConfig({ esp, ports, outerMark, deadAfter, socket, log }: CharonSettings): string {
  const mark = `0x${outerMark.toString(16)}`;
  const kernel = esp === 'kernel' ? 'kernel-netlink' : 'kernel-libipsec kernel-netlink';
  return `charon-systemd {
  load_modular = no
  load = ${plugins} ${kernel} socket-default
  threads = ${threads}
  port = ${ports.ike}
  port_nat_t = ${ports.natTraversal}
  install_routes = no
  install_virtual_ip = no
  process_route = no
  routing_table = ${esp === 'kernel' ? 0 : ownTables.unused}
  routing_table_prio = ${esp === 'kernel' ? 0 : unusedRule}
  retransmit_base = ${retransmitBase}
  retransmit_tries = ${retransmitTries}
  retransmit_timeout = ${(deadAfter / retransmitSteps).toFixed(2)}
  plugins {
    vici {
      socket = unix://${socket}
    }
    socket-default {
      fwmark = ${mark}
    }
    kernel-netlink {
      fwmark = !${mark}
    }
    kernel-libipsec {
      allow_peer_ts = yes
    }
  }
  journal {
    default = -1
  }
  filelog {
    causeway {
      path = ${log}
      append = yes
      flush_line = yes
      default = 1
      enc = 0
    }
  }
}
`;
}

/** A message is sent again after each step; after the last one the peer counts as dead. */
const retransmitTries = 4;
const retransmitBase = 1.5;
const retransmitSteps = Array.from({ length: retransmitTries + 1 }, (_, i) => retransmitBase ** i).reduce(
  (sum, step) => sum + step,
);
