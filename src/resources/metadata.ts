/**
 * Names, labels and annotations of every kind, and what a name itself forbids (semantics §1.2).
 *
 * Invariant: a namespaced resource always has a namespace, a cluster-wide one never.
 */
import { dnsLabelProblem, labelValueProblem, qualifiedNameProblem, subdomainProblem } from './fields.ts';
import type { KindEntry } from './kinds.ts';
import { defaultAllowProfile } from './profile.ts';
import type { Kind, Metadata } from './resource.ts';
import {
  type At,
  child,
  isRecord,
  object,
  omitEmpty,
  optional,
  type Parser,
  report,
  showValue,
  text,
  textMap,
} from './schema.ts';

const maxAnnotationBytes = 256 * 1024;
const anything: Parser<unknown> = (value) => value;

/** What a Kubernetes server adds to exported objects; accepted, not kept. */
const serverFields = [
  'generation',
  'managedFields',
  'ownerReferences',
  'finalizers',
  'selfLink',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generateName',
] as const;

type RawMetadata = Metadata & { readonly [K in (typeof serverFields)[number]]?: unknown };

const timestamp = text((value) =>
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})$/.test(value)
    ? undefined
    : `${showValue(value)} is no RFC 3339 time: write 2026-01-31T12:00:00Z`,
);

const annotations: Parser<Record<string, string>> = (value, at) => {
  const parsed = textMap((key) => qualifiedNameProblem(key.toLowerCase()))(value, at);
  if (parsed === undefined) return undefined;
  const size = Object.entries(parsed).reduce((sum, [key, entry]) => sum + utf8Length(key) + utf8Length(entry), 0);
  return size <= maxAnnotationBytes
    ? parsed
    : report(at, `annotations take ${size} bytes; at most ${maxAnnotationBytes} are allowed`);
};

function utf8Length(value: string): number {
  let length = 0;
  for (const character of value) {
    const code = character.codePointAt(0) ?? 0;
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return length;
}

const schemas = new Map<Kind, Parser<RawMetadata>>();

function schemaFor(entry: KindEntry): Parser<RawMetadata> {
  const known = schemas.get(entry.kind);
  if (known) return known;
  const made = object<RawMetadata>({
    name: { parse: text(nameRule(entry.kind)), presence: 'required' },
    namespace: omitEmpty(text(dnsLabelProblem)),
    labels: omitEmpty(textMap(qualifiedNameProblem, labelValueProblem)),
    annotations: omitEmpty(annotations),
    uid: omitEmpty(text(undefined, 253)),
    creationTimestamp: omitEmpty(timestamp),
    resourceVersion: omitEmpty(
      text((value) => (/^[0-9A-Za-z./_-]{1,253}$/.test(value) ? undefined : 'is no resource version')),
    ),
    generation: optional(anything),
    managedFields: optional(anything),
    ownerReferences: optional(anything),
    finalizers: optional(anything),
    selfLink: optional(anything),
    deletionTimestamp: optional(anything),
    deletionGracePeriodSeconds: optional(anything),
    generateName: optional(anything),
  });
  schemas.set(entry.kind, made);
  return made;
}

/** Parses metadata of a kind; absent metadata reports the missing name. */
export function parseMetadata(raw: unknown, entry: KindEntry, at: At, defaultNamespace: string): Metadata | undefined {
  const parsed = schemaFor(entry)(raw ?? {}, at);
  if (!entry.namespaced && isRecord(raw) && typeof raw['namespace'] === 'string' && raw['namespace'] !== '') {
    report(child(at, 'namespace'), `${entry.kind} is cluster-wide and has no namespace: remove it`, 'key');
  }
  if (parsed === undefined) return undefined;
  const key = 'projectcalico.org/namespace';
  if (entry.kind === 'GlobalNetworkSet' && parsed.labels !== undefined && Object.hasOwn(parsed.labels, key)) {
    report(
      child(at, 'labels', key),
      `label ${key} belongs to namespaced resources: a GlobalNetworkSet cannot carry it`,
      'key',
    );
  }
  return tidy(parsed, entry, defaultNamespace);
}

function tidy(parsed: RawMetadata, entry: KindEntry, defaultNamespace: string): Metadata {
  const { name, namespace, labels, annotations: kept, uid, creationTimestamp, resourceVersion } = parsed;
  const ownLabels = entry.kind === 'WorkloadEndpoint' ? withoutForgedLabels(labels) : labels;
  return {
    name,
    ...(entry.namespaced && { namespace: namespace ?? defaultNamespace }),
    ...(ownLabels !== undefined && { labels: ownLabels }),
    ...(kept !== undefined && { annotations: kept }),
    ...(uid !== undefined && { uid }),
    ...(creationTimestamp !== undefined && { creationTimestamp: creationTimestamp.replace(/\.[0-9]+/, '') }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}

/** Labels of namespaces and service accounts come from profiles only, so a workload cannot forge them (semantics §2.6). */
function withoutForgedLabels(labels: Metadata['labels']): Metadata['labels'] {
  if (labels === undefined) return undefined;
  const own = Object.entries(labels).filter(([key]) => !key.startsWith('pcns.') && !key.startsWith('pcsa.'));
  return own.length === 0 ? undefined : Object.fromEntries(own);
}

function nameRule(kind: Kind): (value: string) => string | undefined {
  switch (kind) {
    case 'Tier':
      return dnsLabelProblem;
    case 'GlobalNetworkPolicy':
    case 'StagedGlobalNetworkPolicy':
      return (value) => subdomainProblem(value) ?? (dots(value) > 1 ? tooManyDots(value) : undefined);
    case 'NetworkPolicy':
    case 'StagedNetworkPolicy':
      return (value) => {
        const free = value.startsWith('knp.default.') || value.startsWith('ossg.default.');
        return subdomainProblem(value) ?? (!free && dots(value) > 1 ? tooManyDots(value) : undefined);
      };
    case 'Profile':
      return (value) =>
        value === defaultAllowProfile
          ? `${value} is built in and cannot be written: choose another name`
          : subdomainProblem(value);
    case 'GlobalNetworkSet':
    case 'NetworkSet':
    case 'HostEndpoint':
    case 'WorkloadEndpoint':
    case 'Node':
    case 'IPPool':
    case 'BGPConfiguration':
    case 'BGPPeer':
    case 'BGPFilter':
    case 'FelixConfiguration':
    case 'CalicoNodeStatus':
    case 'Router':
    case 'Site':
    case 'Attachment':
    case 'Segment':
    case 'Assertion':
    case 'LabelSource':
    case 'EndpointSlice':
      return subdomainProblem;
  }
}

function dots(value: string): number {
  return value.split('.').length - 1;
}

function tooManyDots(value: string): string {
  return `${showValue(value)} has more than one dot: write a name, or tier.name`;
}
