/**
 * Which tunnels have a charon of their own, and which UDP ports each of those has.
 *
 *   IpsecTunnelIntent[], who has 500 and 4500 ─[assignPorts]→ CharonPorts for each, or why it has none
 *
 * Invariant: pure; no port is given twice. One tunnel at most has the standard ports, and keeps them while it may, since changing
 * ports means a new charon. A tunnel that waits for its peer must be found at ports known before: the standard ones, or one that is
 * written.
 */
import type { IpsecTunnelIntent } from '../../intent/links/links-intent.ts';
import { type CharonPorts, standardPorts } from './charon-config.ts';

export type PortChoice =
  | { readonly kind: 'ports'; readonly ports: CharonPorts }
  /** `port` is the one that was written; undefined where 500 and 4500 are meant. */
  | { readonly kind: 'taken'; readonly by: string; readonly port: number | undefined };

/** Whatever the kernel has free: who initiates tells its peer by doing so. */
const anyPorts: CharonPorts = { ike: 0, natTraversal: 0 };

/**
 * Two ends that have several tunnels between them tell these apart by ports alone: in one charon the second would be taken for the
 * first come again.
 */
export function hasWrittenPort({ localPort, remotePort, initiates }: IpsecTunnelIntent): boolean {
  return isOther(localPort) || (initiates && isOther(remotePort));
}

/** `holder`: of the standard ports, by now, or for good where it `keeps` them. */
export function assignPorts(
  tunnels: readonly IpsecTunnelIntent[],
  holder: string | undefined,
  keeps = false,
): ReadonlyMap<string, PortChoice> {
  const able = tunnels.filter(({ localPort }) => !isOther(localPort));
  const standard = keeps ? holder : chooseHolder(able, holder);
  const owners = new Map<number, string>();
  for (const { localPort, interfaceName } of tunnels) {
    if (localPort !== undefined && !owners.has(localPort)) owners.set(localPort, interfaceName);
  }
  return new Map(tunnels.map((tunnel) => [tunnel.interfaceName, choose(tunnel, standard, owners)]));
}

function chooseHolder(tunnels: readonly IpsecTunnelIntent[], holder: string | undefined): string | undefined {
  const written = tunnels.filter(({ localPort }) => localPort !== undefined);
  const waiting = tunnels.filter(({ initiates }) => !initiates);
  const candidates = [written, waiting, tunnels].find(({ length }) => length > 0) ?? [];
  const kept = candidates.find(({ interfaceName }) => interfaceName === holder);
  return (kept ?? candidates[0])?.interfaceName;
}

function choose(
  { interfaceName, localPort, initiates }: IpsecTunnelIntent,
  holder: string | undefined,
  owners: ReadonlyMap<number, string>,
): PortChoice {
  if (isOther(localPort)) {
    const owner = owners.get(localPort) ?? interfaceName;
    if (owner !== interfaceName) return { kind: 'taken', by: owner, port: localPort };
    return { kind: 'ports', ports: { ike: 0, natTraversal: localPort } };
  }
  if (holder === undefined || interfaceName === holder) return { kind: 'ports', ports: standardPorts };
  if (initiates && localPort === undefined) return { kind: 'ports', ports: anyPorts };
  return { kind: 'taken', by: holder, port: undefined };
}

function isOther(port: number | undefined): port is number {
  return port !== undefined && port !== standardPorts.ike && port !== standardPorts.natTraversal;
}
