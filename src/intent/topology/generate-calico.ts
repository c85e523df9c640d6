/**
 * The Calico resources that a Router and its Attachments stand for.
 *
 *   Router, Site, Attachment ─[generate]→ HostEndpoint, Node
 *
 * Invariant: a generated name begins with `~`, which no written name may hold and which sorts after all of them: where
 * several HostEndpoints match an interface the smallest name wins (semantics §4.8), so a hand-written one does.
 */
import { families, printAddress } from '../../net/address.ts';
import { calicoApiVersion } from '../../resources/kinds.ts';
import { linkPaths } from '../../resources/link-paths.ts';
import type { NodeBgp } from '../../resources/node.ts';
import type { Labels, Resource } from '../../resources/resource.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { InterfaceFacts } from '../policy/policy-intent.ts';
import { parseInterfaceAddress } from './router-interfaces.ts';
import { siteLabels } from './site-labels.ts';

/**
 * The HostEndpoints of an Attachment, one for each device of its link. They carry no profile, so they deny to and from the
 * router itself whatever no policy and no failsafe allows. They are there even when the Site is missing: the interfaces
 * must be guarded all the same.
 */
export function generateHostEndpoints(
  attachment: Resource<'Attachment'>,
  site: Resource<'Site'> | undefined,
  router: Resource<'Router'> | undefined,
): Resource<'HostEndpoint'>[] {
  return linkPaths(attachment).map(({ interfaceName, local }, i) => ({
    apiVersion: calicoApiVersion,
    kind: 'HostEndpoint',
    metadata: {
      name: i === 0 ? `~${attachment.metadata.name}` : `~${attachment.metadata.name}~${i + 1}`,
      labels: attachmentLabels(attachment, site, router, interfaceName),
    },
    spec: {
      node: attachment.spec.router,
      interfaceName,
      expectedIPs: local.map(parseInterfaceAddress).flatMap((entry) => (entry ? [printAddress(entry.address)] : [])),
    },
  }));
}

/**
 * A HostEndpoint for each device that carries VLANs and nothing else: frames without a tag would meet no policy there. None
 * where something written covers it, an Attachment of its own has it, or the Router says an address on it. No policy is
 * meant to select it, so it carries no label.
 */
export function generateTrunkEndpoints(snapshot: Snapshot, router: string): Resource<'HostEndpoint'>[] {
  const attachments = snapshot.list('Attachment').filter(({ spec }) => spec.router === router);
  const covered = new Set([
    ...attachments.flatMap((attachment) => linkPaths(attachment).map(({ interfaceName }) => interfaceName)),
    ...(snapshot.find('Router', router)?.spec.interfaces ?? [])
      .filter(({ addresses }) => (addresses ?? []).length > 0)
      .map(({ name }) => name),
    // One that names addresses only is no cover: a trunk has none, and should it get one, what is written wins by its name.
    ...snapshot.list('HostEndpoint').flatMap(({ spec }) => (spec.node === router ? [spec.interfaceName] : [])),
  ]);
  if (covered.has('*')) return [];
  const trunks = new Map<string, Resource<'HostEndpoint'>>();
  for (const { metadata, spec } of attachments) {
    const parent = spec.link.vlan?.parent;
    if (parent === undefined || covered.has(parent) || trunks.has(parent)) continue;
    trunks.set(parent, {
      apiVersion: calicoApiVersion,
      kind: 'HostEndpoint',
      metadata: { name: `~${metadata.name}~parent` },
      spec: { node: router, interfaceName: parent },
    });
  }
  return [...trunks.values()];
}

/** The Attachment's own labels win over its interface's, those over the Site's; what the product sets wins over all. */
function attachmentLabels(
  attachment: Resource<'Attachment'>,
  site: Resource<'Site'> | undefined,
  router: Resource<'Router'> | undefined,
  interfaceName: string,
): Labels {
  return {
    ...site?.metadata.labels,
    ...router?.spec.interfaces?.find(({ name }) => name === interfaceName)?.labels,
    ...attachment.metadata.labels,
    'causeway.dev/site': attachment.spec.site,
    ...(site ? siteLabels(site) : {}),
    'causeway.dev/attachment': attachment.metadata.name,
  };
}

/** The Node of a router: what was written, with the Router's own fields over it, and addresses where none were written. */
export function generateNode(
  name: string,
  router: Resource<'Router'> | undefined,
  written: Resource<'Node'> | undefined,
  interfaces: readonly InterfaceFacts[],
): Resource<'Node'> {
  if (!router && written) return written;
  const bgp: NodeBgp = {
    ...firstAddresses(interfaces),
    ...written?.spec.bgp,
    ...(router ? { asNumber: router.spec.asNumber } : {}),
  };
  return {
    apiVersion: calicoApiVersion,
    kind: 'Node',
    metadata: { name, labels: { ...written?.metadata.labels, ...router?.metadata.labels } },
    spec: {
      ...written?.spec,
      bgp,
      interfaces: interfaces.map(({ name: interfaceName, addresses }) => ({
        name: interfaceName,
        addresses: addresses.map(({ address, length }) => `${printAddress(address)}/${length}`),
      })),
    },
  };
}

function firstAddresses(interfaces: readonly InterfaceFacts[]): NodeBgp {
  const found: { ipv4Address?: string; ipv6Address?: string } = {};
  for (const family of families) {
    const first = interfaces.flatMap(({ addresses }) => addresses).find(({ address }) => address.family === family);
    if (first) found[family === 4 ? 'ipv4Address' : 'ipv6Address'] = `${printAddress(first.address)}/${first.length}`;
  }
  return found;
}
