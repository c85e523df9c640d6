/**
 * One JSON object into a Resource: envelope, metadata, spec, rules that need the name, defaults.
 *
 *   JSON object ─[validate]→ Resource, or every problem at once
 *
 * Invariant: total; no input throws. A resource is returned only when there is no error.
 */

import { globalOnlyBgpFields } from './bgp-configuration.ts';
import { inferTypes } from './global-network-policy.ts';
import type { IpPoolSpec } from './ip-pool.ts';
import { findKind, type KindEntry, kindEntry, kinds } from './kinds.ts';
import { parseMetadata } from './metadata.ts';
import type { AnyResource, Metadata } from './resource.ts';
import {
  type At,
  child,
  isRecord,
  maxProblems,
  nearest,
  type Problem,
  report,
  rootAt,
  showValue,
  wrongType,
} from './schema.ts';
import { specSchemas } from './spec-schemas.ts';
import { builtInTiers, type TierSpec } from './tier.ts';
import { writtenSpec } from './written-form.ts';

export interface Validation {
  readonly resource: AnyResource | undefined;
  readonly problems: readonly Problem[];
}

const envelopeFields = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];

/**
 * Validates one object; the problems' paths start at its root. A namespaced object that names no namespace gets the default.
 */
export function validateResource(raw: unknown, defaultNamespace = 'default'): Validation {
  return validate(raw, defaultNamespace, ({ severity }) => severity === 'error');
}

/** As `validateResource`, for an object that lies in a store: what Calico's clients let through is no error there. */
export function validateStored(raw: unknown): Validation {
  return validate(raw, 'default', ({ severity, isOldError }) => severity === 'error' && isOldError !== true);
}

function validate(raw: unknown, defaultNamespace: string, isError: (problem: Problem) => boolean): Validation {
  const problems: Problem[] = [];
  const at = rootAt(problems);
  const resource = parseResource(raw, at, defaultNamespace);
  return { resource: problems.some(isError) ? undefined : resource, problems };
}

function parseResource(raw: unknown, at: At, defaultNamespace: string): AnyResource | undefined {
  if (!isRecord(raw)) {
    return wrongType(at, raw, 'an object with apiVersion, kind, metadata and spec');
  }
  const entry = parseKind(raw, at);
  if (!entry) return undefined;
  for (const key of entry.isFlat ? [] : Object.keys(raw)) {
    if (envelopeFields.includes(key) || at.problems.length >= maxProblems) continue;
    const near = nearest(key, envelopeFields);
    const hint = near === undefined ? 'fields of the resource stand under spec' : `did you mean ${near}?`;
    report(
      child(at, key),
      `field in document is not recognized or is in the wrong location: ${key.slice(0, 100)}; ${hint}`,
      'key',
    );
  }
  const metadata = parseMetadata(raw['metadata'], entry, child(at, 'metadata'), defaultNamespace);
  const written = writtenSpec(raw, entry);
  const specAt = child(at, ...written.path);
  const rawSpec = written.spec ?? {};
  const spec = specSchemas[entry.kind](rawSpec, specAt) as object | undefined;
  if (isRecord(rawSpec) && typeof metadataName(raw) === 'string')
    nameRules(entry, metadataName(raw) ?? '', rawSpec, specAt);
  const status = entry.isFlat ? undefined : raw['status'];
  if (status !== undefined && status !== null && !isRecord(status)) wrongType(child(at, 'status'), status, 'an object');
  if (metadata === undefined || spec === undefined) return undefined;
  const complete = withDefaults(entry, metadata, spec);
  return {
    apiVersion: entry.apiVersion,
    kind: entry.kind,
    metadata,
    spec: complete,
    ...(isRecord(status) && Object.keys(status).length > 0 && { status }),
  } as AnyResource;
}

function metadataName(raw: Readonly<Record<string, unknown>>): string | undefined {
  const metadata = raw['metadata'];
  return isRecord(metadata) && typeof metadata['name'] === 'string' ? metadata['name'] : undefined;
}

function parseKind(raw: Readonly<Record<string, unknown>>, at: At): KindEntry | undefined {
  const kindText = raw['kind'];
  const versionText = raw['apiVersion'];
  if (kindText === undefined || kindText === null || kindText === '')
    report(child(at, 'kind'), 'required field is missing: write kind');
  else if (typeof kindText !== 'string') wrongType(child(at, 'kind'), kindText, 'text');
  const entry = typeof kindText === 'string' ? kindEntry(kindText) : undefined;
  if (typeof kindText === 'string' && kindText !== '' && !entry) report(child(at, 'kind'), unknownKind(kindText));
  if (versionText === undefined || versionText === null || versionText === '') {
    report(
      child(at, 'apiVersion'),
      `required field is missing: write apiVersion${entry ? `: ${entry.apiVersion}` : ''}`,
    );
  } else if (typeof versionText !== 'string') {
    wrongType(child(at, 'apiVersion'), versionText, 'text');
  } else if (entry && versionText !== entry.apiVersion) {
    report(
      child(at, 'apiVersion'),
      `${showValue(versionText)} is not the apiVersion of ${entry.kind}: write ${entry.apiVersion}${foreignHint(versionText)}`,
    );
    // What another API's object of that name holds is not ours to judge.
    if (!/projectcalico|causeway/.test(versionText)) return undefined;
  }
  return entry;
}

function foreignHint(apiVersion: string): string {
  if (apiVersion === 'crd.projectcalico.org/v1')
    return " (crd.projectcalico.org/v1 is Calico's storage form; export with calicoctl)";
  if (apiVersion.startsWith('networking.k8s.io/') || apiVersion === 'v1')
    return ' (this looks like a Kubernetes object of the same kind)';
  return '';
}

/** Kinds of Kubernetes for which a router reads another one. */
const kindsReadElsewhere: Readonly<Record<string, string>> = {
  Service: 'a router needs its endpoints alone: give its EndpointSlices (discovery.k8s.io/v1)',
  Endpoints: 'Kubernetes replaced it: give the EndpointSlices of the Service (discovery.k8s.io/v1)',
};

const kindsNotForRouters = [
  'BlockAffinity',
  'ClusterInformation',
  'IPAMBlock',
  'IPAMConfiguration',
  'IPAMHandle',
  'IPReservation',
  'KubeControllersConfiguration',
  'StagedKubernetesNetworkPolicy',
];

function unknownKind(kind: string): string {
  const elsewhere = Object.hasOwn(kindsReadElsewhere, kind) ? kindsReadElsewhere[kind] : undefined;
  if (elsewhere !== undefined) return `kind ${kind} is not read here; ${elsewhere}`;
  const meant =
    findKind(kind)?.kind ??
    nearest(
      kind,
      kinds.map((entry) => entry.kind),
    );
  if (meant !== undefined) return `unknown kind ${showValue(kind)}; did you mean ${meant}?`;
  if (kindsNotForRouters.includes(kind)) return `kind ${kind} of Calico has no meaning on a router: remove it`;
  return `unknown kind ${showValue(kind)}: write one of ${kinds.map((entry) => entry.kind).join(', ')}`;
}

/** What a resource's name forbids in its spec. */
function nameRules(entry: KindEntry, name: string, spec: Readonly<Record<string, unknown>>, at: At): void {
  if (entry.kind === 'Tier') builtInTierRules(name, spec, at);
  if (entry.kind === 'BGPConfiguration' && name !== 'default') {
    for (const field of globalOnlyBgpFields.filter((key) => isGiven(spec, key))) {
      report(child(at, field), `${field} can be set only in the BGPConfiguration named default, not in ${name}`, 'key');
    }
  }
  if (
    entry.kind === 'FelixConfiguration' &&
    (name === 'default' || name.startsWith('node.')) &&
    isGiven(spec, 'nodeSelector')
  ) {
    report(
      child(at, 'nodeSelector'),
      `nodeSelector must not be set on ${name}: its name already says which nodes it is for`,
      'key',
    );
  }
}

function isGiven(spec: Readonly<Record<string, unknown>>, key: string): boolean {
  if (!Object.hasOwn(spec, key)) return false;
  const value = spec[key];
  return (
    value !== undefined &&
    value !== null &&
    value !== '' &&
    value !== 0 &&
    !(Array.isArray(value) && value.length === 0)
  );
}

function builtInTierRules(name: string, spec: Readonly<Record<string, unknown>>, at: At): void {
  const pinned = Object.hasOwn(builtInTiers, name) ? builtInTiers[name] : undefined;
  if (!pinned) return;
  const { order, defaultAction } = spec;
  if (typeof order === 'number' && order !== pinned.order) {
    report(child(at, 'order'), `the order of tier ${name} is fixed: write ${pinned.order} or leave it out`);
  }
  if (typeof defaultAction === 'string' && defaultAction !== '' && defaultAction !== pinned.defaultAction) {
    report(
      child(at, 'defaultAction'),
      `the default action of tier ${name} is fixed: write ${pinned.defaultAction} or leave it out`,
    );
  }
}

/** The values Calico's client fills in before it stores an object (semantics §1.3, §1.4, §1.12, §4.4). */
function withDefaults(entry: KindEntry, metadata: Metadata, spec: object): object {
  if (entry.kind === 'Tier') {
    const pinned = Object.hasOwn(builtInTiers, metadata.name) ? builtInTiers[metadata.name] : undefined;
    const tier: TierSpec = spec;
    return {
      order: tier.order ?? pinned?.order ?? 1_000_000,
      defaultAction: tier.defaultAction ?? pinned?.defaultAction ?? 'Deny',
    };
  }
  if (entry.kind === 'IPPool') {
    const pool = spec as IpPoolSpec;
    return pool.blockSize === undefined ? { ...pool, blockSize: pool.cidr.includes(':') ? 122 : 26 } : pool;
  }
  if ('stagedAction' in spec && spec.stagedAction === 'Delete') return { tier: 'default', ...spec };
  const isPolicy = entry.kind.endsWith('NetworkPolicy');
  return isPolicy ? { tier: 'default', ...spec, types: inferTypes(spec) } : spec;
}
