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
  }
  warnSingleTunnels(topology, warnings);
}

/** With BGP or without: AWS replaces the end of one tunnel at a time, and the other has to carry what that one did. */
function warnSingleTunnels({ attachments }: Topology, warnings: Warning[]): void {
  const ofVpn = attachments.filter(({ resource }) => resource.spec.profile === 'aws-vgw-vpn');
  const tunnels = new Map<string, number>();
  for (const { site, paths } of ofVpn) tunnels.set(site.name, (tunnels.get(site.name) ?? 0) + paths.length);
  for (const { site, resource } of ofVpn) {
    if (tunnels.get(site.name) !== 1) continue;
    const message = `only one tunnel leads to Site ${site.name}, and AWS takes each down for maintenance: write the other one of the connection too`;
    const path = resource.spec.link.ipsec ? ['spec', 'link', 'ipsec', 'tunnels'] : ['spec', 'link'];
    warnings.push({ code: 'profile-one-tunnel', subject: resource, path, message });
  }
}
