/**
 * What AWS's gateways refuse, or do otherwise than written, once Router, Site and Attachments are seen together.
 *
 * Sources: "Customer gateway options" (AsnConflict), "Tunnel options" (inside addresses are unique for a gateway),
 * "Setting network MTU for virtual interfaces" (paths of different size).
 */
import { parseAsn } from '../../net/asn.ts';
import { maskAddress, parseCidr, printPrefix } from '../../net/prefix.ts';
import { linkPaths } from '../link-paths.ts';
import type { Resource } from '../resource.ts';
import { error, type ReferenceCheck, warning } from './finding.ts';

type Attachment = Resource<'Attachment'>;

/** AWS makes no customer gateway with the AS of the gateway that it is to speak with. */
export const gatewaysDiffer: ReferenceCheck = function* (snapshot) {
  const routers = new Map(snapshot.list('Router').map(({ metadata, spec }) => [metadata.name, spec.asNumber]));
  for (const attachment of snapshot.list('Attachment')) {
    const { bgp, profile, router } = attachment.spec;
    const own = bgp?.localASNumber ?? routers.get(router);
    if (profile !== 'aws-vgw-vpn' || !bgp || own === undefined) continue;
    const asn = parseAsn(own);
    if (asn === undefined || asn !== parseAsn(bgp.asNumber)) continue;
    const reason = `AS ${asn} is this end's own, and AWS refuses a customer gateway with the AS of its gateway: write localASNumber, another than ${asn}`;
    yield error(attachment, ['spec', 'bgp', 'asNumber'], reason);
  }
};

/** A gateway has each /30 inside once, over all its connections, to whichever router. A Site behind one is its gateway's. */
export const blocksDistinct: ReferenceCheck = function* (snapshot) {
  const owners = new Map<string, Attachment>();
  for (const attachment of snapshot.list('Attachment')) {
    const { site, router, profile } = attachment.spec;
    if (profile !== 'aws-vgw-vpn') continue;
    for (const { local, at } of linkPaths(attachment)) {
      for (const [i, text] of local.entries()) {
        const cidr = parseCidr(text);
        if (!cidr) continue;
        const block = printPrefix(maskAddress(cidr.address, cidr.length));
        const owner = owners.get(`${site} ${block}`);
        if (!owner) owners.set(`${site} ${block}`, attachment);
        // On one router it is a subnet of two interfaces, which is told as such.
        else if (owner.spec.router !== router) {
          const reason = `${block} is inside a tunnel of Attachment ${owner.metadata.name} (Router ${owner.spec.router}) to the same Site already, and a gateway has each block once: take the one that AWS gave this tunnel`;
          yield error(attachment, [...at, 'local', i], reason);
        }
      }
    }
  }
};

/**
 * A gateway answers by one tunnel of one connection, whichever a packet came by. Routers of one group agree on who carries the
 * Site, or share the state of connections; others see half of each flow.
 */
export const gatewaysSeeOneGroup: ReferenceCheck = function* (snapshot) {
  const groups = new Map(snapshot.list('Router').map(({ metadata, spec }) => [metadata.name, spec.redundancyGroup]));
  const first = new Map<string, string>();
  for (const attachment of snapshot.list('Attachment')) {
    const { site, router, profile } = attachment.spec;
    if (profile !== 'aws-vgw-vpn' || !groups.has(router)) continue;
    const other = first.get(site);
    if (other === undefined) first.set(site, router);
    else if (other !== router && (groups.get(router) === undefined || groups.get(router) !== groups.get(other))) {
      const reason = `Router ${other} leads to the virtual private gateway of Site ${site} too, which answers by either whatever way a packet came: give both Routers one redundancyGroup, or each drops what the other let through`;
      yield warning(attachment, ['spec', 'router'], reason);
    }
  }
};

/** Where ways to one prefix differ in size, AWS sends 1500 bytes at most by all of them. */
export const sizesAgree: ReferenceCheck = function* (snapshot) {
  const smaller = new Map<string, Attachment>();
  const all = snapshot.list('Attachment');
  for (const attachment of all) {
    const { site, profile, mtu = 1500 } = attachment.spec;
    const isToAws = profile === 'aws-vgw-vpn' || profile === 'aws-dx-private-vif';
    if (isToAws && mtu <= 1500 && !smaller.has(site)) smaller.set(site, attachment);
  }
  for (const attachment of all) {
    const { site, profile, mtu = 1500 } = attachment.spec;
    const other = smaller.get(site);
    if (profile !== 'aws-dx-private-vif' || mtu <= 1500 || !other) continue;
    const reason = `AWS sends no more than 1500 bytes by any way to Site ${site} while Attachment ${other.metadata.name} carries no more: give all of them one size`;
    yield warning(attachment, ['spec', 'mtu'], reason);
  }
};
