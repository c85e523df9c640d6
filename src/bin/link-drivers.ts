/**
 * What makes each sort of link on this host.
 *
 *   run-agent → [createLinkDrivers] → keep-links
 */
import { join } from 'node:path';
import { createDeviceLinks } from '../edge/links/device-link.ts';
import { createIpsecDriver } from '../edge/links/ipsec.ts';
import { createNetDevices } from '../edge/links/netdevices.ts';
import { createUnderlay } from '../edge/links/underlay.ts';
import { createVlanDriver } from '../edge/links/vlan.ts';
import { createWireguardDriver } from '../edge/links/wireguard.ts';
import { markBits } from '../nftables/marks.ts';
import type { LinkDrivers } from './keep-links.ts';

export interface LinkDriverOptions {
  readonly router: string;
  /** For what runs: `<runFolder>/<router>`. */
  readonly runFolder: string;
  /** For what outlives the machine's restart: `<stateFolder>/<router>`. */
  readonly stateFolder: string;
}

export function createLinkDrivers({ router, runFolder, stateFolder }: LinkDriverOptions): LinkDrivers {
  const underlay = createUnderlay();
  return {
    interface: createDeviceLinks(createNetDevices()),
    vlan: createVlanDriver({ router, dir: join(runFolder, 'vlan') }),
    ipsec: underlay.carrying(createIpsecDriver({ router, dir: join(runFolder, 'ipsec'), outerMark: markBits.outer })),
    wireguard: underlay.carrying(
      createWireguardDriver({
        router,
        dir: join(runFolder, 'wireguard'),
        keyDir: join(stateFolder, 'wireguard'),
      }),
    ),
  };
}
