/**
 * Tunnels whose underlay is seen to carry nothing: they are lost, long before their own protocols find out.
 *
 *   TunnelIntent[], devices there are ─[uncarriedTunnels]→ the reason for each that is lost
 *
 * Invariant: pure; a tunnel that names no underlay is none of these.
 */
import type { TunnelIntent } from './underlay-routes.ts';

/** By interface name. */
export function uncarriedTunnels(
  tunnels: readonly TunnelIntent[],
  there: ReadonlyMap<string, { readonly hasCarrier: boolean }>,
): ReadonlyMap<string, string> {
  const isDown = (name: string): boolean => there.get(name)?.hasCarrier !== true;
  return new Map(
    tunnels.flatMap(({ interfaceName, underlay }): [string, string][] =>
      underlay && isDown(underlay.interfaceName)
        ? [[interfaceName, `${underlay.interfaceName}, which carries it, is down`]]
        : [],
    ),
  );
}
