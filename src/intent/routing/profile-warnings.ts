/**
 * What a cloud will refuse or ignore once Router and Attachment are seen together (sources: attachment-profiles.ts).
 *
 *   Topology.attachments, RoutingSettings → [profile-warnings] → Warning[]
 */
import { type Asn, parseAsn } from '../../net/asn.ts';
import { azureRefusesAs } from '../../resources/attachment-profile-rules.ts';
import type { Warning } from '../router-intent.ts';
import type { Topology } from '../topology/topology.ts';

/** Amazon's own, in one Region or another: no customer gateway may have them. */
const awsReserved: ReadonlySet<number> = new Set([7224, 9059, 10124, 17943]);

export function warnProfiles(topology: Topology, routerAs: Asn, warnings: Warning[]): void {
  const tunnels = new Map<string, number>();
  for (const { resource, site, remote } of topology.attachments) {
    if (resource.spec.profile !== 'aws-vgw-vpn') continue;
    tunnels.set(site.name, (tunnels.get(site.name) ?? 0) + remote.length);
  }
  for (const attachment of topology.attachments) {
    const { bgp, profile } = attachment.resource.spec;
    if (!bgp || profile === undefined) continue;
    const ownAs = (bgp.localASNumber === undefined ? undefined : parseAsn(bgp.localASNumber)) ?? routerAs;
    const warn = (code: string, path: Warning['path'], message: string): void => {
      warnings.push({ code, subject: attachment.resource, path, message });
    };
    if (profile.startsWith('aws-') && awsReserved.has(ownAs)) {
      warn('profile-as-reserved', ['spec', 'bgp'], `AS ${ownAs} is Amazon's own: set localASNumber to another`);
    }
    if (profile === 'azure-route-server') {
      const refusal = azureRefusesAs(ownAs);
      if (refusal !== undefined) warn('profile-as-reserved', ['spec', 'bgp'], `${refusal}, as localASNumber`);
    }
    if (profile === 'aws-vgw-vpn') {
      if (tunnels.get(attachment.site.name) === 1) {
        const message = `only one tunnel leads to Site ${attachment.site.name}: AWS takes each down for maintenance, so attach both`;
        warn('profile-one-tunnel', ['spec', 'addresses', 'remote'], message);
      }
    }
  }
}
