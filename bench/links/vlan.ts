/**
 * One VLAN, by our driver; and by hand with `ip`, or, where the kernel has no 802.1Q, the same wire without a tag: nothing else can
 * tag there.
 *
 *   Pair ─[vlanByDriver | vlanByHand]→ the inside addresses on either end
 */
import { createVlanDriver } from '../../src/edge/links/vlan.ts';
import type { VlanLinkIntent } from '../../src/intent/links/links-intent.ts';
import type { LinkDriverName } from '../../src/links/link-report.ts';
import { runBatch } from '../kernel/sandbox.ts';
import { mustParseAddress, mustParseCidr } from './addresses.ts';
import { insideLength, launcherOf, type Machine, type Pair, wire } from './pair.ts';
import { untilUp } from './until-up.ts';

const tag = 101;
const device = `${wire}.${tag}`;

export function vlanByDriver({ a, b }: Pair): Promise<LinkDriverName> {
  const end = (machine: Machine) => ({
    driver: createVlanDriver({
      router: machine.namespace,
      dir: `/run/bench/${machine.namespace}`,
      launcher: launcherOf(machine),
    }),
    link: describeVlan(machine),
  });
  return untilUp([end(a), end(b)]);
}

export function vlanByHand({ a, b }: Pair, driver: LinkDriverName): void {
  const hasKernelVlan = driver === 'kernel-8021q';
  for (const { namespace, inside } of [a, b]) {
    runBatch(namespace, [
      ...(hasKernelVlan ? [`link add link ${wire} name ${device} type vlan id ${tag}`, `link set ${device} up`] : []),
      `address add ${inside}/${insideLength} dev ${hasKernelVlan ? device : wire}`,
    ]);
  }
}

function describeVlan(machine: Machine): VlanLinkIntent {
  return {
    kind: 'vlan',
    attachment: 'bench',
    interfaceName: device,
    parent: wire,
    id: tag,
    addresses: [mustParseCidr(`${machine.inside}/${insideLength}`)],
    remotes: [mustParseAddress(machine.peerInside)],
    mtu: undefined,
    mssClamp: undefined,
  };
}
