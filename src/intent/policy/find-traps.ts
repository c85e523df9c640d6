/**
 * What is legal and yet surprises: policy that cuts the router off, or does not do what it seems to (semantics §8).
 *
 *   PolicyIntent, selected policies ─[find-traps]→ Warning[]
 *
 * Invariant: changes nothing; every message says what happens to traffic and how to mend it.
 */
import { printFieldPath } from '../../resources/document.ts';
import { explainInvisible, invisibleEndpoints } from '../../resources/references/invisible-endpoints.ts';
import { farSide } from '../../resources/references/policy.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import { hostEndpointLabels } from '../labels/effective-labels.ts';
import type { Warning } from '../router-intent.ts';
import type { Topology } from '../topology/topology.ts';
import { type ProbedEndpoint, warnOfControlTraffic } from './control-traffic.ts';
import { warnOfEarlyStages } from './early-stage-traps.ts';
import type { InterfaceFacts, PolicyIntent } from './policy-intent.ts';
import type { ClassifiedPolicy } from './resolve-tiers.ts';
import { warnOfRules } from './rule-traps.ts';
import type { SelectedEndpoint } from './selected-endpoint.ts';

/** What of a router traps depend on, beside its policy. */
export interface Surroundings {
  readonly snapshot: Snapshot;
  readonly topology: Topology;
  /** Those that exist: they tell where IPv6 is in use, and which tunnels there are. */
  readonly interfaces: readonly InterfaceFacts[];
}

/** Traps of the whole. */
export function findTraps(
  policy: PolicyIntent,
  selected: readonly SelectedEndpoint[],
  { snapshot, topology, interfaces }: Surroundings,
): Warning[] {
  const isRouter = topology.router.resource !== undefined;
  const used = [...usedPolicies(selected)];
  return [
    ...selected.flatMap((entry) => [
      ...warnOfCutEndpoint(entry),
      ...(isRouter ? [] : warnOfHalfCutEndpoint(entry)),
      ...warnOfInvisiblePorts(entry),
      ...warnOfDscp(entry),
    ]),
    ...used.flatMap((entry) => [
      ...warnOfLocalOnly(entry, policy, isRouter),
      ...warnOfNegativeNamespace(entry),
      ...warnOfRules(entry.resource, entry.directions, policy),
    ]),
    ...profilesOf(policy).flatMap((profile) => warnOfRules(profile, ['ingress', 'egress'], policy)),
    ...warnOfEarlyStages(policy, selected, used),
    ...warnOfInvisibleEndpoints(snapshot, selected, used),
    ...warnOfControlTraffic(policy, probed(policy, selected), interfaces),
  ];
}

function probed({ endpoints }: PolicyIntent, selected: readonly SelectedEndpoint[]): ProbedEndpoint[] {
  return selected.flatMap(({ endpoint: resource }) => {
    const intent = endpoints.find(({ name }) => name === resource.metadata.name);
    return intent ? [{ intent, resource }] : [];
  });
}

function profilesOf({ profiles }: PolicyIntent): Resource<'Profile'>[] {
  return [...profiles.values()].flatMap(({ resource }) => (resource ? [resource as Resource<'Profile'>] : []));
}

/** Every policy that selects some endpoint, once; endpoints may share their list. */
function usedPolicies(selected: readonly SelectedEndpoint[]): Set<ClassifiedPolicy> {
  const used = new Set<ClassifiedPolicy>();
  for (const policies of new Set(selected.map((entry) => entry.policies))) {
    for (const policy of policies) used.add(policy);
  }
  return used;
}

/** Generated endpoints are closed by design; a written one that nothing opens is the commonest outage. */
function warnOfCutEndpoint({ endpoint, policies }: SelectedEndpoint): Warning[] {
  const decides = policies.some(({ stages }) => stages.includes('normal'));
  if (isGenerated(endpoint) || decides || (endpoint.spec.profiles ?? []).length > 0) return [];
  return [
    {
      code: 'endpoint-cuts-local-traffic',
      subject: endpoint,
      path: ['spec'],
      message:
        'no policy selects it and it has no profile: all traffic to and from the router itself is dropped here, save failsafe ports; name the profile projectcalico-default-allow or write a policy',
    },
  ];
}

/**
 * Policy for what comes in says nothing of what goes out, which falls to the profiles: without one it is all dropped. A Router
 * is closed both ways by design, a Calico host is not meant to be.
 */
function warnOfHalfCutEndpoint({ endpoint, policies }: SelectedEndpoint): Warning[] {
  const normal = policies.filter(({ stages }) => stages.includes('normal'));
  const hasProfile = (endpoint.spec.profiles ?? []).length > 0;
  if (isGenerated(endpoint) || hasProfile || normal.length === 0) return [];
  return (['ingress', 'egress'] as const).flatMap((direction) => {
    if (normal.some(({ directions }) => directions.includes(direction))) return [];
    const [way, other] = direction === 'egress' ? ['from', 'Egress'] : ['to', 'Ingress'];
    const message = `its policies judge only one direction and it has no profile: all traffic ${way} the router itself is dropped here, save failsafe ports and replies; write ${other} policy, or name the profile projectcalico-default-allow`;
    return [{ code: 'endpoint-cuts-one-way', subject: endpoint, path: ['spec'], message }];
  });
}

function warnOfInvisiblePorts({ endpoint }: SelectedEndpoint): Warning[] {
  if ((endpoint.spec.ports ?? []).length === 0 || (endpoint.spec.expectedIPs ?? []).length > 0) return [];
  return [
    {
      code: 'invisible-ports',
      subject: endpoint,
      path: ['spec', 'ports'],
      message: 'it has named ports but no expectedIPs: no rule that names a port finds them; add its addresses',
    },
  ];
}

const dscpAnnotation = 'qos.projectcalico.org/dscp';

function warnOfDscp({ endpoint }: SelectedEndpoint): Warning[] {
  if (endpoint.metadata.annotations?.[dscpAnnotation] === undefined) return [];
  const message = 'has no effect here: packets leave with the DSCP they came with';
  return [{ code: 'idle-annotation', subject: endpoint, path: ['metadata', 'annotations', dscpAnnotation], message }];
}

/** Rules that mean an endpoint of this router by label, and find no address of it. */
function warnOfInvisibleEndpoints(
  snapshot: Snapshot,
  selected: readonly SelectedEndpoint[],
  used: readonly ClassifiedPolicy[],
): Warning[] {
  const endpoints = selected.map(({ endpoint }) => endpoint).filter((endpoint) => !isGenerated(endpoint));
  const policies = used.map(({ resource }) => resource);
  const found = invisibleEndpoints(endpoints, policies, (endpoint) => hostEndpointLabels(snapshot, endpoint));
  return found.map((invisible) => ({
    code: 'invisible-endpoint',
    subject: invisible.endpoint,
    path: ['spec'],
    message: explainInvisible(invisible, printFieldPath),
  }));
}

/**
 * On a router that is closed by default such a policy is how its own management is written, and opens nothing: there only one
 * that speaks of what lies behind the router is a mistake. Elsewhere it leaves open what it seems to close.
 */
function warnOfLocalOnly({ resource, stages }: ClassifiedPolicy, policy: PolicyIntent, isRouter: boolean): Warning[] {
  const far = farSide(resource.spec);
  const isOpen = policy.forwardDefault === 'Allow';
  if (!stages.includes('normal') || stages.includes('forward') || (!isOpen && !far)) return [];
  const open = isRouter ? 'forwarding.defaultAction Allow' : 'a Calico Node alone';
  const message = isOpen
    ? `it holds only for traffic of the router itself, and what passes through is open (${open}); set applyOnForward: true if it was meant for that too`
    : 'it holds only for traffic of the router itself, yet this speaks of what lies behind it: set applyOnForward: true';
  return [{ code: 'not-applied-on-forward', subject: resource, path: far ?? ['spec', 'applyOnForward'], message }];
}

function warnOfNegativeNamespace({ resource }: ClassifiedPolicy): Warning[] {
  const { namespaceSelector, serviceAccountSelector } = resource.spec;
  const field = namespaceSelector ? 'namespaceSelector' : serviceAccountSelector ? 'serviceAccountSelector' : undefined;
  if (!field) return [];
  return [
    {
      code: 'negative-namespace-selector',
      subject: resource,
      path: ['spec', field],
      message: `a negative ${field} is true where there is no namespace, so this policy selects host endpoints; add has(projectcalico.org/namespace) to its selector if only workloads were meant`,
    },
  ];
}

function isGenerated({ metadata }: Resource<'HostEndpoint'>): boolean {
  return metadata.name.startsWith('~');
}
