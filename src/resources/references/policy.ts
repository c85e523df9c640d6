/**
 * References of policies and host endpoints: tiers, profiles, contested interfaces, and policies that do not reach what
 * their author probably means (semantics §4.8, §4.13, §4.15, §8).
 */

import { printFieldPath } from '../document.ts';
import type { GlobalNetworkPolicySpec } from '../global-network-policy.ts';
import { defaultAllowProfile } from '../profile.ts';
import type { AnyResource, FieldPath, Resource } from '../resource.ts';
import type { Rule } from '../rule.ts';
import { evaluateSelector } from '../selector/evaluate.ts';
import { parseSelector } from '../selector/parse.ts';
import type { Selector } from '../selector/selector.ts';
import { knownServices } from '../service-slices.ts';
import type { Snapshot } from '../snapshot.ts';
import { builtInTiers } from '../tier.ts';
import { type Finding, missing, namesOf, type ReferenceCheck, warning } from './finding.ts';
import { explainInvisible, invisibleEndpoints } from './invisible-endpoints.ts';

type Policy = Resource<'GlobalNetworkPolicy' | 'NetworkPolicy' | 'StagedGlobalNetworkPolicy' | 'StagedNetworkPolicy'>;
type HostEndpoint = Resource<'HostEndpoint'>;

function policies(snapshot: Snapshot): readonly Policy[] {
  return [
    ...snapshot.list('GlobalNetworkPolicy'),
    ...snapshot.list('NetworkPolicy'),
    ...snapshot.list('StagedGlobalNetworkPolicy'),
    ...snapshot.list('StagedNetworkPolicy'),
  ];
}

/** A policy's tier must exist (semantics §1.4). */
export const tiersExist: ReferenceCheck = function* (snapshot) {
  const known = namesOf(snapshot.list('Tier'));
  for (const policy of policies(snapshot)) {
    const tier = policy.spec.tier ?? 'default';
    if (known.has(tier) || Object.hasOwn(builtInTiers, tier)) continue;
    yield missing(
      policy,
      ['spec', 'tier'],
      `tier ${tier} does not exist: create it, or use ${[...known, 'default'].slice(0, 10).join(', ')}`,
    );
  }
};

/** An endpoint that names a profile which does not exist is denied everything that reaches profiles (semantics §1.10). */
export const profilesExist: ReferenceCheck = function* (snapshot) {
  const known = namesOf(snapshot.list('Profile'));
  for (const endpoint of snapshot.list('HostEndpoint')) {
    for (const [index, profile] of (endpoint.spec.profiles ?? []).entries()) {
      if (known.has(profile) || profile === defaultAllowProfile) continue;
      yield warning(
        endpoint,
        ['spec', 'profiles', index],
        `profile ${profile} does not exist, so it denies everything: create it, or write ${defaultAllowProfile}`,
      );
    }
  }
};

/** Of several endpoints for one interface the byte-smallest name wins (semantics §4.8). */
export const interfacesUncontested: ReferenceCheck = function* (snapshot) {
  const winners = new Map<string, HostEndpoint>();
  for (const endpoint of snapshot.list('HostEndpoint')) {
    const { node, interfaceName, expectedIPs = [] } = endpoint.spec;
    const claims = [
      ...(interfaceName === undefined ? [] : [{ what: `interface ${interfaceName}`, path: ['spec', 'interfaceName'] }]),
      ...(interfaceName === '*'
        ? []
        : expectedIPs.map((ip, index) => ({ what: `address ${ip}`, path: ['spec', 'expectedIPs', index] }))),
    ];
    for (const { what, path } of claims) {
      const winner = winners.get(`${node} ${what}`);
      if (!winner) winners.set(`${node} ${what}`, endpoint);
      else
        yield warning(
          endpoint,
          path,
          `${what} of ${node} is claimed by HostEndpoint ${winner.metadata.name} too, which wins because its name is smaller: this one has no effect there`,
        );
    }
  }
};

/** Packets of a host endpoint `*` skip the untracked stage (semantics §4.13). */
export const untrackedOnWildcard: ReferenceCheck = function* (snapshot) {
  const wildcards = snapshot.list('HostEndpoint').filter((endpoint) => endpoint.spec.interfaceName === '*');
  yield* firstSelected(snapshot, wildcards, (policy, endpoint) =>
    policy.spec.doNotTrack === true
      ? warning(
          policy,
          ['spec', 'doNotTrack'],
          `has no effect on HostEndpoint ${endpoint.metadata.name}, whose interfaceName is "*": name the interfaces`,
        )
      : undefined,
  );
};

/**
 * Only applyOnForward policies judge forwarded traffic (semantics §4.15, §8). A policy that names the far side of a router
 * (the destination of what comes in, the source of what goes out) speaks of forwarded traffic, so it must say so; one
 * that does not may well be about the router itself.
 */
export const forwardingSeen: ReferenceCheck = function* (snapshot) {
  const routers = namesOf(snapshot.list('Router'));
  const onRouters = snapshot.list('HostEndpoint').filter((endpoint) => routers.has(endpoint.spec.node));
  yield* firstSelected(snapshot, onRouters, (policy, endpoint) => {
    const path = policy.spec.applyOnForward === true ? undefined : farSide(policy.spec);
    return (
      path &&
      warning(
        policy,
        path,
        `this policy judges only traffic that ends or begins on router ${endpoint.spec.node} (HostEndpoint ${endpoint.metadata.name}), yet the rule speaks of what lies behind it: add applyOnForward: true`,
      )
    );
  });
};

/** Where a policy first speaks of what lies behind the router; undefined where it does not. */
export function farSide(spec: GlobalNetworkPolicySpec): FieldPath | undefined {
  const sides = { ingress: 'destination', egress: 'source' } as const;
  for (const direction of ['ingress', 'egress'] as const) {
    for (const [index, rule] of (spec[direction] ?? []).entries()) {
      const far = rule[sides[direction]];
      if (far?.nets ?? far?.notNets ?? far?.selector ?? far?.notSelector ?? far?.namespaceSelector) {
        return ['spec', direction, index, sides[direction]];
      }
    }
  }
  return undefined;
}

/** A rule selector finds a host endpoint by its expectedIPs alone (semantics §2.8). */
export const endpointsVisible: ReferenceCheck = function* (snapshot) {
  const found = invisibleEndpoints(
    snapshot.list('HostEndpoint'),
    snapshot.list('GlobalNetworkPolicy'),
    ({ metadata }) => metadata.labels ?? {},
  );
  for (const invisible of found) {
    yield warning(invisible.endpoint, ['spec'], explainInvisible(invisible, printFieldPath));
  }
};

/** Staged policies decide nothing (semantics §1.6). */
export const stagedSeen: ReferenceCheck = function* (snapshot) {
  for (const policy of snapshot.list('StagedGlobalNetworkPolicy')) {
    const { stagedAction = 'Set' } = policy.spec;
    if (stagedAction !== 'Set') continue;
    yield warning(
      policy,
      ['kind'],
      'is staged: what it would do is reported (causeway flows), and no packet is decided by it; write a GlobalNetworkPolicy to enforce it',
    );
  }
};

/** For each policy that can select host endpoints, the finding for the first endpoint it selects. */
function* firstSelected(
  snapshot: Snapshot,
  endpoints: readonly HostEndpoint[],
  judge: (policy: Resource<'GlobalNetworkPolicy'>, endpoint: HostEndpoint) => Finding | undefined,
): Iterable<Finding> {
  if (endpoints.length === 0) return;
  // Endpoints with equal labels are selected alike, and many policies share a selector: evaluate each pair once.
  const byLabels = new Map<string, HostEndpoint>();
  for (const endpoint of endpoints) {
    const key = JSON.stringify(Object.entries(endpoint.metadata.labels ?? {}).sort());
    if (!byLabels.has(key)) byLabels.set(key, endpoint);
  }
  const first = new Map<string, HostEndpoint | undefined>();
  for (const policy of snapshot.list('GlobalNetworkPolicy')) {
    if (policy.spec.namespaceSelector !== undefined || policy.spec.serviceAccountSelector !== undefined) continue;
    const text = policy.spec.selector ?? 'all()';
    if (!first.has(text)) first.set(text, findSelected(text, byLabels.values()));
    const endpoint = first.get(text);
    const finding = endpoint && judge(policy, endpoint);
    if (finding) yield finding;
  }
}

function findSelected(text: string, endpoints: Iterable<HostEndpoint>): HostEndpoint | undefined {
  const parsed = parseSelector(text);
  if (!parsed.ok) return undefined;
  const selector: Selector = parsed.value;
  for (const endpoint of endpoints) if (evaluateSelector(selector, endpoint.metadata.labels ?? {})) return endpoint;
  return undefined;
}

/** A Service is known by its EndpointSlices; a rule that names another one is narrowed (semantics §3.2). */
export const servicesKnown: ReferenceCheck = function* (snapshot) {
  const known = knownServices(snapshot);
  for (const policy of policies(snapshot)) {
    for (const direction of ['ingress', 'egress'] as const) {
      for (const [index, rule] of (policy.spec[direction] ?? []).entries()) {
        const side = serviceSide(rule);
        const { name, namespace = policy.metadata.namespace } = (side && rule[side]?.services) ?? { name: '' };
        if (side === undefined || known.has(`${namespace}/${name}`)) continue;
        const consequence = rule.action === 'Deny' ? 'denies whatever else it matches' : 'matches nothing';
        yield warning(
          policy,
          ['spec', direction, index, side, 'services'],
          `there is no EndpointSlice of Service ${namespace}/${name} here: until there is, this rule ${consequence}`,
        );
      }
    }
  }
};

function serviceSide(rule: Rule): 'source' | 'destination' | undefined {
  if (rule.source?.services !== undefined) return 'source';
  return rule.destination?.services === undefined ? undefined : 'destination';
}

/** Configurations whose name nobody reads. */
export const configurationsUsed: ReferenceCheck = function* (snapshot) {
  const isRead = (resource: AnyResource): boolean =>
    resource.metadata.name === 'default' || resource.metadata.name.startsWith('node.');
  for (const configuration of snapshot.list('FelixConfiguration')) {
    if (isRead(configuration) || configuration.spec.nodeSelector !== undefined) continue;
    yield warning(
      configuration,
      ['metadata', 'name'],
      'has no effect: name it default or node.<node>, or give it a nodeSelector',
    );
  }
  const perNode = ['prefixAdvertisements', 'communities', 'listenPort', 'logSeverityScreen'];
  for (const configuration of snapshot.list('BGPConfiguration')) {
    if (!isRead(configuration))
      yield warning(configuration, ['metadata', 'name'], 'has no effect: name it default or node.<node>');
    if (!configuration.metadata.name.startsWith('node.')) continue;
    for (const field of Object.keys(configuration.spec)) {
      if (!perNode.includes(field))
        yield warning(
          configuration,
          ['spec', field],
          `${field} has no effect on a node's own BGPConfiguration: set it in the one named default`,
        );
    }
  }
};
