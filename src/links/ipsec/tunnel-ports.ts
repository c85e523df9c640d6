/**
 * Which UDP ports each tunnel's charon has, where each has one of its own.
 *
 *   IpsecTunnelIntent[], who has 500 and 4500 now ─[assignPorts]→ CharonPorts for each, or why it has none
 *
 * Invariant: pure; at most one tunnel has the standard ports, and it keeps them while it may, since changing ports means a new
 * charon. A tunnel that waits for its peer must be found at ports known before: the standard ones, or one that is written.
 */
import type { IpsecTunnelIntent } from '../../intent/links/links-intent.ts';
import { type CharonPorts, standardPorts } from './charon-config.ts';

export type PortChoice =
  | { readonly kind: 'ports'; readonly ports: CharonPorts }
  | { readonly kind: 'taken'; readonly by: string };

/** Whatever the kernel has free: who initiates tells its peer by doing so. */
const anyPorts: CharonPorts = { ike: 0, natTraversal: 0 };

export function assignPorts(
  tunnels: readonly IpsecTunnelIntent[],
  holder: string | undefined,
): ReadonlyMap<string, PortChoice> {
  const standard = chooseHolder(
    tunnels.filter(({ localPort }) => localPort === undefined),
    holder,
  );
  return new Map(tunnels.map((tunnel) => [tunnel.interfaceName, choose(tunnel, standard)]));
}

function chooseHolder(tunnels: readonly IpsecTunnelIntent[], holder: string | undefined): string | undefined {
  const waiting = tunnels.filter(({ initiates }) => !initiates);
  const candidates = waiting.length > 0 ? waiting : tunnels;
  const kept = candidates.find(({ interfaceName }) => interfaceName === holder);
  return (kept ?? candidates[0])?.interfaceName;
}

function choose({ interfaceName, localPort, initiates }: IpsecTunnelIntent, holder: string | undefined): PortChoice {
  if (localPort !== undefined) return { kind: 'ports', ports: { ike: 0, natTraversal: localPort } };
  if (holder === undefined || interfaceName === holder) return { kind: 'ports', ports: standardPorts };
  return initiates ? { kind: 'ports', ports: anyPorts } : { kind: 'taken', by: holder };
}
