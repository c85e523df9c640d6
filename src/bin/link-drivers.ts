/**
 * What makes each sort of link on this host.
 *
 *   run-agent → [createLinkDrivers] → keep-links
 */
import { createDeviceLinks } from '../edge/links/device-link.ts';
import { createNetDevices } from '../edge/links/netdevices.ts';
import type { LinkDrivers } from './keep-links.ts';

export function createLinkDrivers(): LinkDrivers {
  return { interface: createDeviceLinks(createNetDevices()) };
}
