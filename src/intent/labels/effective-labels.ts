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
export function hostEndpointLabels(snapshot: Snapshot, endpoint: Resource<'HostEndpoint'>): LabelMap {
  return share(inherit(snapshot, endpoint.spec.profiles, new Map(Object.entries(endpoint.metadata.labels ?? {}))));
}

/** Of a WorkloadEndpoint; written `pcns.` and `pcsa.` labels are dropped, only profiles may bring them. */
export function workloadEndpointLabels(snapshot: Snapshot, endpoint: Resource<'WorkloadEndpoint'>): LabelMap {
  const { spec, metadata } = endpoint;
  const own = new Map<string, string>();
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (!key.startsWith(namespaceLabelPrefix) && !key.startsWith(serviceAccountLabelPrefix)) own.set(key, value);
  }
  const labels = inherit(snapshot, spec.profiles, own);
  setImplicit(labels, namespaceKey, metadata.namespace);
  setImplicit(labels, 'projectcalico.org/orchestrator', spec.orchestrator);
  setImplicit(labels, serviceAccountKey, spec.serviceAccountName);
  return share(labels);
}

/** Of a NetworkSet: its own, its namespace's through the profile `kns.<namespace>`, and the namespace itself. */
export function networkSetLabels(snapshot: Snapshot, set: Resource<'NetworkSet'>): LabelMap {
  const labels = inherit(snapshot, [namespaceProfile(set)], new Map(Object.entries(set.metadata.labels ?? {})));
  setImplicit(labels, namespaceKey, set.metadata.namespace);
  return share(labels);
}

/** Of what has no labels but its own. */
export function ownLabels(labels: Labels | undefined): LabelMap {
  return share(new Map(Object.entries(labels ?? {})));
}

/** The profile through which a namespace's labels reach its network sets. */
export function namespaceProfile(set: Resource<'NetworkSet'>): string {
  return `kns.${set.metadata.namespace ?? ''}`;
}

/** Often one object for equal labels: a hundred thousand pods have a few thousand sets of labels. */
export type LabelMap = ReadonlyMap<string, string>;

const shared = new Map<string, LabelMap>();
/** Where every owner has labels of its own, sharing them gains nothing and must cost little. */
const mostShared = 8192;

function share(labels: LabelMap): LabelMap {
  const key = JSON.stringify([...labels]);
  const known = shared.get(key);
  if (known) return known;
  if (shared.size >= mostShared) shared.clear();
  shared.set(key, labels);
  return labels;
}

function inherit(
  snapshot: Snapshot,
  profiles: readonly string[] | undefined,
  labels: Map<string, string>,
): Map<string, string> {
  for (const name of profiles ?? []) {
    const inherited = snapshot.find('Profile', name)?.spec.labelsToApply ?? {};
    for (const [key, value] of Object.entries(inherited)) if (!labels.has(key)) labels.set(key, value);
  }
  return labels;
}

function setImplicit(labels: Map<string, string>, key: string, value: string | undefined): void {
  if (value !== undefined && value !== '') labels.set(key, value);
}
