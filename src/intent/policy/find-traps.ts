/**
 * What is legal and yet surprises: policy that cuts the router off, or does not do what it seems to (semantics §8).
 *
 *   PolicyIntent, selected policies ─[find-traps]→ Warning[]
 *
 * Invariant: changes nothing; every message says what happens to traffic and how to mend it.
 */
import { protocolNumbers } from '../../net/ip-protocol.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Warning } from '../router-intent.ts';
import type { InterfaceFacts, PolicyIntent, RuleIntent } from './policy-intent.ts';
import { type GuardedInterfaces, wildcard } from './resolve-endpoints.ts';
import type { ClassifiedPolicy } from './resolve-tiers.ts';

/** An endpoint and the policies that select it, in order of evaluation. */
export interface SelectedEndpoint extends GuardedInterfaces {
  readonly policies: readonly ClassifiedPolicy[];
}

/** Traps of the whole; `interfaces` tell where IPv6 is in use. */
export function findTraps(
  policy: PolicyIntent,
  selected: readonly SelectedEndpoint[],
  interfaces: readonly InterfaceFacts[],
): Warning[] {
  const isRouter = policy.exemptsNeighborDiscovery;
  return [
    ...selected.flatMap((entry) => [
      ...warnOfCutEndpoint(entry),
      ...warnOfUntrackedWildcard(entry),
      ...warnOfInvisiblePorts(entry),
      ...(isRouter ? [] : warnOfCalicoDefaults(policy, entry, interfaces)),
    ]),
    ...[...usedPolicies(selected)].flatMap((entry) => [
      ...(isRouter && policy.forwardDefault === 'Allow' ? warnOfLocalOnly(entry) : []),
      ...warnOfNegativeNamespace(entry),
    ]),
  ];
}

/** Every policy that selects some endpoint, once. */
export function usedPolicies(selected: readonly SelectedEndpoint[]): Set<ClassifiedPolicy> {
  const used = new Set<ClassifiedPolicy>();
  for (const { policies } of selected) for (const policy of policies) used.add(policy);
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

function warnOfUntrackedWildcard({ endpoint, interfaces, policies }: SelectedEndpoint): Warning[] {
  if (interfaces !== wildcard) return [];
  return policies
    .filter(({ stages }) => stages.includes('untracked'))
    .map(({ resource }) => ({
      code: 'untracked-on-wildcard',
      subject: resource,
      path: ['spec', 'doNotTrack'],
      message: `HostEndpoint ${endpoint.metadata.name} covers every interface, where doNotTrack policy is not enforced: its Deny rules block nothing there and its Allow rules open nothing; name the interface in a HostEndpoint of its own`,
    }));
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

/** What a Router is spared and a Calico host is not: neighbour discovery and loopback under default deny. */
function warnOfCalicoDefaults(
  policy: PolicyIntent,
  { endpoint, interfaces: guarded, policies }: SelectedEndpoint,
  interfaces: readonly InterfaceFacts[],
): Warning[] {
  if (isOpenByProfile(policy, endpoint, policies)) return [];
  const warnings: Warning[] = [];
  const covers = (name: string): boolean => guarded === wildcard || guarded.includes(name);
  const hasIpv6 = interfaces.some(
    ({ name, addresses }) => covers(name) && addresses.some(({ address }) => address.family === 6),
  );
  const rules = policies.flatMap(({ id }) => policy.policies.get(id)?.ingress ?? []);
  if (hasIpv6 && !rules.some(admitsNeighborDiscovery)) {
    warnings.push({
      code: 'neighbor-discovery-denied',
      subject: endpoint,
      path: ['spec'],
      message:
        'no rule allows ICMPv6 133 to 137 in: IPv6 neighbours cannot find this host and IPv6 stops; allow protocol ICMPv6',
    });
  }
  if (guarded === wildcard && rules.length === 0) {
    warnings.push({
      code: 'loopback-denied',
      subject: endpoint,
      path: ['spec', 'interfaceName'],
      message:
        'it covers lo too: local programs cannot reach each other over 127.0.0.0/8 and ::1 unless a policy allows it',
    });
  }
  return warnings;
}

/** A profile decides only where no normal policy does. */
function isOpenByProfile(
  policy: PolicyIntent,
  endpoint: Resource<'HostEndpoint'>,
  policies: readonly ClassifiedPolicy[],
): boolean {
  const isolated = policies.some(
    ({ stages, directions }) => stages.includes('normal') && directions.includes('ingress'),
  );
  if (isolated) return false;
  return (endpoint.spec.profiles ?? []).some((name) =>
    policy.profiles.get(name)?.ingress.some(admitsNeighborDiscovery),
  );
}

function admitsNeighborDiscovery({ action, protocol, families }: RuleIntent): boolean {
  const fits = protocol === undefined || protocol === protocolNumbers.ICMPv6;
  return action === 'Allow' && fits && families.includes(6);
}

/** On a router that is closed by default such a policy is how its own management is written, and opens nothing. */
function warnOfLocalOnly({ resource, stages }: ClassifiedPolicy): Warning[] {
  if (!stages.includes('normal') || stages.includes('forward')) return [];
  return [
    {
      code: 'not-applied-on-forward',
      subject: resource,
      path: ['spec', 'applyOnForward'],
      message:
        'it holds only for traffic of the router itself, and what passes through is open (forwarding.defaultAction Allow); set applyOnForward: true if it was meant for that too',
    },
  ];
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
