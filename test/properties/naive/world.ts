/**
 * Who is who in a list of resources: labels, owners of addresses, endpoints of interfaces (semantics §2.6, §2.8, §4.8).
 *
 *   Manifest[], router → World → naive/verdict
 *
 * Invariant: slow and plain: every question is answered by walking the whole list again.
 */
import { holds, type NaiveAddress, readAddress } from './address.ts';
import type { Manifest } from './manifest.ts';
import type { LabelMap } from './selector.ts';

export interface World {
  readonly all: readonly Manifest[];
  readonly router: string;
  /** A Router resource of that name: ours, not exactly Calico's. */
  readonly isOurs: boolean;
}

export function ofKind({ all }: World, kind: string): readonly Manifest[] {
  return all.filter((manifest) => manifest.kind === kind);
}

export function named(world: World, kind: string, name: string): Manifest | undefined {
  return ofKind(world, kind).find(({ metadata }) => metadata.name === name);
}

/** Written ones and those of Attachments, of every node, the smallest name first. */
export function hostEndpoints(world: World): readonly Manifest[] {
  const generated = ofKind(world, 'Attachment').map(({ metadata, spec }): Manifest => {
    const site = named(world, 'Site', spec.site ?? '');
    const link = spec.link?.interface.name ?? '';
    const router = named(world, 'Router', spec.router ?? '');
    const labels = {
      ...site?.metadata.labels,
      ...router?.spec.interfaces?.find(({ name }) => name === link)?.labels,
      ...metadata.labels,
      'causeway.dev/site': spec.site ?? '',
      ...(site ? siteLabels(site) : {}),
      'causeway.dev/attachment': metadata.name,
    };
    const expectedIPs = (spec.addresses?.local ?? []).map((cidr) => cidr.split('/')[0] ?? '');
    const endpoint = { node: spec.router ?? '', interfaceName: link, expectedIPs };
    return { apiVersion: '', kind: 'HostEndpoint', metadata: { name: `~${metadata.name}`, labels }, spec: endpoint };
  });
  const both = [...ofKind(world, 'HostEndpoint'), ...generated];
  return both.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

function siteLabels({ metadata, spec }: Manifest): Record<string, string> {
  return {
    'causeway.dev/site': metadata.name,
    'causeway.dev/site-type': spec.type ?? '',
    'causeway.dev/segment': spec.segment ?? '',
  };
}

/** Own labels, then the first listed profile that has the key. */
function inherited(
  world: World,
  own: Readonly<Record<string, string>>,
  profiles: readonly string[],
): Map<string, string> {
  const labels = new Map(Object.entries(own));
  for (const profile of profiles) {
    for (const [key, value] of Object.entries(named(world, 'Profile', profile)?.spec.labelsToApply ?? {})) {
      if (!labels.has(key)) labels.set(key, value);
    }
  }
  return labels;
}

export function labelsOf(world: World, { kind, metadata, spec }: Manifest): LabelMap {
  const own = metadata.labels ?? {};
  switch (kind) {
    case 'HostEndpoint':
      return inherited(world, own, spec.profiles ?? []);
    case 'WorkloadEndpoint': {
      const kept = Object.entries(own).filter(([key]) => !/^pc(ns|sa)\./.test(key));
      const labels = inherited(world, Object.fromEntries(kept), spec.profiles ?? []);
      labels.set('projectcalico.org/namespace', metadata.namespace ?? '');
      labels.set('projectcalico.org/orchestrator', spec.orchestrator ?? '');
      if (spec.serviceAccountName) labels.set('projectcalico.org/serviceaccount', spec.serviceAccountName);
      return labels;
    }
    case 'NetworkSet':
      return inherited(world, own, [`kns.${metadata.namespace}`]).set(
        'projectcalico.org/namespace',
        metadata.namespace ?? '',
      );
    case 'Site':
      return new Map(Object.entries({ ...own, ...siteLabels({ apiVersion: '', kind, metadata, spec }) }));
  }
  return new Map(Object.entries(own));
}

/** Everything that owns the address. */
export function ownersOf(world: World, address: NaiveAddress): readonly Manifest[] {
  const owners = [
    ...hostEndpoints(world).map((owner) => ({ owner, nets: owner.spec.expectedIPs })),
    ...ofKind(world, 'WorkloadEndpoint').map((owner) => ({ owner, nets: owner.spec.ipNetworks })),
    ...[...ofKind(world, 'NetworkSet'), ...ofKind(world, 'GlobalNetworkSet')].map((owner) => {
      return { owner, nets: owner.spec.nets };
    }),
    ...ofKind(world, 'Site').map((owner) => ({ owner, nets: owner.spec.prefixes })),
  ];
  return owners.filter(({ nets }) => nets?.some((net) => holds(net, address))).map(({ owner }) => owner);
}

/** The endpoint that guards the interface. */
export function endpointAt(world: World, interfaceName: string, isExcluded: boolean): Manifest | undefined {
  const here = hostEndpoints(world).filter(({ spec }) => spec.node === world.router);
  const own = here.find(({ spec }) => {
    if (spec.interfaceName !== undefined) return spec.interfaceName === interfaceName;
    return spec.expectedIPs?.some((ip) => addressesOf(world, interfaceName).includes(readAddress(ip).value));
  });
  if (own && !isExcluded) return own;
  if (world.isOurs && interfaceName === 'lo') return undefined;
  return here.find(({ spec }) => spec.interfaceName === '*');
}

/** What Router, Node and Attachments say the interface has, and HostEndpoints that name it. */
function addressesOf(world: World, interfaceName: string): bigint[] {
  const told = [named(world, 'Router', world.router), named(world, 'Node', world.router)].flatMap((machine) =>
    (machine?.spec.interfaces ?? []).flatMap(({ name, addresses }) =>
      name === interfaceName ? (addresses ?? []) : [],
    ),
  );
  const claimed = hostEndpoints(world).flatMap(({ spec }) =>
    spec.node === world.router && spec.interfaceName === interfaceName ? (spec.expectedIPs ?? []) : [],
  );
  return [...told, ...claimed].map((text) => readAddress(text.split('/')[0] ?? '').value);
}
