/**
 * The labels that selectors see on a resource: its own, those inherited from profiles, and Calico's implicit ones
 * (semantics §2.6).
 *
 *   Resource, Profiles ─[effectiveLabels]→ labels → LabelIndex, policy selection
 *
 * Invariant: the own value wins; among profiles the first listed that has the label; nobody forges an implicit label.
 */
import type { Labels, Resource } from '../../resources/resource.ts';
import {
  namespaceKey,
  namespaceLabelPrefix,
  serviceAccountKey,
  serviceAccountLabelPrefix,
} from '../../resources/selector/rewrite.ts';
import type { Snapshot } from '../../resources/snapshot.ts';

/** Of a HostEndpoint: its own and its profiles'. Node labels are not inherited. */
export function hostEndpointLabels(snapshot: Snapshot, endpoint: Resource<'HostEndpoint'>): Map<string, string> {
  return inherit(snapshot, endpoint.spec.profiles, endpoint.metadata.labels);
}

/** Of a WorkloadEndpoint; written `pcns.` and `pcsa.` labels are dropped, only profiles may bring them. */
export function workloadEndpointLabels(
  snapshot: Snapshot,
  endpoint: Resource<'WorkloadEndpoint'>,
): Map<string, string> {
  const { spec, metadata } = endpoint;
  const own = Object.entries(metadata.labels ?? {}).filter(
    ([key]) => !key.startsWith(namespaceLabelPrefix) && !key.startsWith(serviceAccountLabelPrefix),
  );
  const labels = inherit(snapshot, spec.profiles, Object.fromEntries(own));
  setImplicit(labels, namespaceKey, metadata.namespace);
  setImplicit(labels, 'projectcalico.org/orchestrator', spec.orchestrator);
  setImplicit(labels, serviceAccountKey, spec.serviceAccountName);
  return labels;
}

/** Of a NetworkSet: its own, its namespace's through the profile `kns.<namespace>`, and the namespace itself. */
export function networkSetLabels(snapshot: Snapshot, set: Resource<'NetworkSet'>): Map<string, string> {
  const labels = inherit(snapshot, [namespaceProfile(set)], set.metadata.labels);
  setImplicit(labels, namespaceKey, set.metadata.namespace);
  return labels;
}

/** The profile through which a namespace's labels reach its network sets. */
export function namespaceProfile(set: Resource<'NetworkSet'>): string {
  return `kns.${set.metadata.namespace ?? ''}`;
}

function inherit(
  snapshot: Snapshot,
  profiles: readonly string[] | undefined,
  own: Labels | undefined,
): Map<string, string> {
  const labels = new Map(Object.entries(own ?? {}));
  for (const name of profiles ?? []) {
    const inherited = snapshot.find('Profile', name)?.spec.labelsToApply ?? {};
    for (const [key, value] of Object.entries(inherited)) if (!labels.has(key)) labels.set(key, value);
  }
  return labels;
}

function setImplicit(labels: Map<string, string>, key: string, value: string | undefined): void {
  if (value !== undefined && value !== '') labels.set(key, value);
}
