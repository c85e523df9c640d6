/**
 * A resource as snapshots keep it: a hundred thousand workloads must fit into a router's memory.
 *
 *   Resource as read ─[compactResource]→ the same in fewer bytes
 *
 * Invariant: whatever intent reads is there. A WorkloadEndpoint keeps its names, labels and addresses, and loses what only its
 * store and its node need (uid, versions, annotations, container, pod, mac …); texts and labels that many workloads have are
 * one object.
 */
import type { AnyResource, Labels, Resource, SpecByKind } from '../resources/resource.ts';

/** Nothing but workloads comes in such numbers. */
export function compactResource(resource: AnyResource): AnyResource {
  return resource.kind === 'WorkloadEndpoint' ? compactWorkload(resource) : resource;
}

type WorkloadSpec = SpecByKind['WorkloadEndpoint'];

/** Every object of one shape, absent fields undefined: fields that are added one by one take twice the room. */
function compactWorkload({ apiVersion, metadata, spec }: Resource<'WorkloadEndpoint'>): AnyResource {
  const named = {
    name: metadata.name,
    namespace: shareText(metadata.namespace),
    labels: metadata.labels && shareLabels(metadata.labels),
  };
  const found = {
    node: shareText(spec.node),
    orchestrator: shareText(spec.orchestrator),
    serviceAccountName: shareText(spec.serviceAccountName),
    // A list that was filled one by one has room for sixteen more.
    ipNetworks: spec.ipNetworks?.slice(),
    profiles: spec.profiles && shareList(spec.profiles),
    ports: spec.ports && shareList(spec.ports),
  };
  return {
    apiVersion: shareText(apiVersion) ?? apiVersion,
    kind: 'WorkloadEndpoint',
    metadata: named as AnyResource['metadata'],
    spec: found as WorkloadSpec,
  };
}

/** What was met before, up to a bound: a store in which nothing repeats gains nothing and must lose little. */
const texts = new Map<string, string>();
const lists = new Map<string, readonly unknown[]>();
const labelSets = new Map<string, Labels>();
const mostShared = 8192;

function shareText(text: string | undefined): string | undefined {
  return text === undefined ? undefined : share(texts, text, text);
}

function shareList<T>(list: readonly T[]): readonly T[] {
  return share(lists, JSON.stringify(list), list) as readonly T[];
}

function shareLabels(labels: Labels): Labels {
  return share(labelSets, JSON.stringify(labels), labels);
}

function share<T>(known: Map<string, T>, key: string, value: T): T {
  const before = known.get(key);
  if (before !== undefined) return before;
  if (known.size >= mostShared) known.clear();
  known.set(key, value);
  return value;
}
