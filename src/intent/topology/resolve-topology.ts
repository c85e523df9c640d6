/**
 * Where one router stands, from resources alone.
 *
 *   Snapshot ─[resolve-topology]→ Topology → intent/routing, intent/policy
 *
 * Invariant: total: a router that no resource describes gets an empty topology; resolve-intent refuses its name first.
 */
import { type Address, compareAddresses, equalAddresses, parseAddress } from '../../net/address.ts';
import {
  comparePrefixes,
  equalPrefixes,
  type InterfaceAddress,
  type Prefix,
  parseAddressOrCidr,
} from '../../net/prefix.ts';
import { linkPaths } from '../../resources/link-paths.ts';
import type { FieldPath, Resource } from '../../resources/resource.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { InterfaceFacts } from '../policy/policy-intent.ts';
import type { Warning } from '../router-intent.ts';
import { generateHostEndpoints, generateNode, generateTrunkEndpoints } from './generate-calico.ts';
import { resolveGroupMembers } from './group-members.ts';
import { declaredInterfaces, linkInterfaces, parseInterfaceAddress } from './router-interfaces.ts';
import { resolveExchange, unnamedSegment } from './segments.ts';
import type { AttachmentFacts, RouterFacts, SiteFacts, Topology } from './topology.ts';

/** The topology of the Router, the Calico Node, or both, of that name. */
export function resolveTopology(snapshot: Snapshot, router: string): Topology {
  const warnings: Warning[] = [];
  const sites = snapshot.list('Site').map((site) => resolveSite(site, warnings));
  const linked = linkAttachments(snapshot, router, sites, warnings);
  const exchange = resolveExchange(snapshot, sites);
  const resource = snapshot.find('Router', router);
  const written = snapshot.find('Node', router);
  const links = linkInterfaces(snapshot, router);
  const hostEndpoints = linked.flatMap((link) => generateHostEndpoints(link.resource, link.site?.resource, resource));
  const node = generateNode(router, resource, written, links);
  return {
    router: routerFacts(router, resource, written, node, links),
    attachments: linked.filter(hasSite),
    sites,
    interfaces: declaredInterfaces(snapshot, router),
    generated: { hostEndpoints: [...hostEndpoints, ...generateTrunkEndpoints(snapshot, router)], node },
    groupMembers: resolveGroupMembers(snapshot, router),
    exchangesWith: exchange.exchangesWith,
    warnings: [...warnings, ...exchange.warnings],
  };
}

function resolveSite(site: Resource<'Site'>, warnings: Warning[]): SiteFacts {
  const prefixes = parseEach(site, ['spec', 'prefixes'], site.spec.prefixes, parseAddressOrCidr, warnings);
  return {
    name: site.metadata.name,
    resource: site,
    type: site.spec.type,
    prefixes: sortedDistinct(prefixes, comparePrefixes, equalPrefixes),
    segment: site.spec.segment ?? unnamedSegment,
  };
}

/** An Attachment whether or not its Site exists. */
interface LinkedAttachment extends Omit<AttachmentFacts, 'site'> {
  readonly site: SiteFacts | undefined;
}

function linkAttachments(
  snapshot: Snapshot,
  router: string,
  sites: readonly SiteFacts[],
  warnings: Warning[],
): LinkedAttachment[] {
  const siteByName = new Map(sites.map((site) => [site.name, site]));
  return snapshot
    .list('Attachment')
    .filter(({ spec }) => spec.router === router)
    .map((attachment) => linkAttachment(attachment, siteByName.get(attachment.spec.site), warnings));
}

/** An Attachment to no Site brings no session and no route; what is left of it is the guard on its interface. */
function hasSite(attachment: LinkedAttachment): attachment is AttachmentFacts {
  return attachment.site !== undefined;
}

function linkAttachment(
  attachment: Resource<'Attachment'>,
  site: SiteFacts | undefined,
  warnings: Warning[],
): LinkedAttachment {
  if (!site) {
    warnings.push({
      code: 'missing-site',
      subject: attachment,
      path: ['spec', 'site'],
      message: `Site ${attachment.spec.site} does not exist: no session and no route comes from the Attachment, its interface stays guarded`,
    });
  }
  const paths = linkPaths(attachment).map(({ interfaceName, local, remote, at }) => ({
    interfaceName,
    local: parseEach(attachment, [...at, 'local'], local, parseInterfaceAddress, warnings),
    remote: parseEach(attachment, [...at, 'remote'], remote, parseAddress, warnings),
  }));
  return {
    name: attachment.metadata.name,
    resource: attachment,
    site,
    paths,
    local: paths.flatMap((path) => path.local),
    remote: paths.flatMap((path) => path.remote),
  };
}

function routerFacts(
  name: string,
  resource: Resource<'Router'> | undefined,
  written: Resource<'Node'> | undefined,
  node: Resource<'Node'>,
  links: readonly InterfaceFacts[],
): RouterFacts {
  const { bgp, addresses } = node.spec;
  const texts = [bgp?.ipv4Address, bgp?.ipv6Address, ...(addresses ?? []).map(({ address }) => address)];
  const told = texts.map((text) => (text === undefined ? undefined : parseInterfaceAddress(text)));
  const all = [...links.flatMap((link) => link.addresses), ...told.filter((entry) => entry !== undefined)];
  return {
    name,
    resource,
    node: written,
    labels: node.metadata.labels ?? {},
    addresses: sortedDistinct(all.map(addressOf), compareAddresses, equalAddresses),
  };
}

function addressOf({ address }: InterfaceAddress): Address {
  return address;
}

/** Validated resources parse; what a store holds that does not is left out and named. */
function parseEach<T>(
  subject: Resource,
  path: FieldPath,
  texts: readonly string[] | undefined,
  parse: (text: string) => T | undefined,
  warnings: Warning[],
): T[] {
  const values: T[] = [];
  for (const [i, text] of (texts ?? []).entries()) {
    const value = parse(text);
    if (value !== undefined) values.push(value);
    else
      warnings.push({
        code: 'invalid-address',
        subject,
        path: [...path, i],
        message: `${text} is left out: not an address`,
      });
  }
  return values;
}

function sortedDistinct<T extends Address | Prefix>(
  values: readonly T[],
  compare: (a: T, b: T) => number,
  equal: (a: T, b: T) => boolean,
): T[] {
  const sorted = [...values].sort(compare);
  return sorted.filter((value, i) => {
    const previous = sorted[i - 1];
    return previous === undefined || !equal(previous, value);
  });
}
