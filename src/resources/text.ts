/**
 * Resources into text, and stored text back into resources.
 *
 *   Resource ─[print]→ YAML or JSON ─[parse]→ the same Resource
 *
 * Invariant: `parseFiles` of what is printed gives equal resources; equal resources print equal bytes.
 */
import { stringify } from 'yaml';
import { err, ok, type Result } from '../result.ts';
import { printFieldPath } from './document.ts';
import type { AnyResource } from './resource.ts';
import { isRecord } from './schema.ts';
import { validateStored } from './validate.ts';
import { writtenForm } from './written-form.ts';

export type TextFormat = 'yaml' | 'json';

/** One resource: apiVersion, kind, metadata, spec, status; fields of each in alphabetical order, as Calico prints them. */
export function printResource(resource: AnyResource, format: TextFormat): string {
  return printValue(ordered(resource), format);
}

/** Several resources: a List in JSON, documents divided by `---` in YAML. */
export function printResources(resources: readonly AnyResource[], format: TextFormat): string {
  if (format === 'yaml') return resources.map((resource) => printResource(resource, 'yaml')).join('---\n');
  return printValue({ apiVersion: 'v1', kind: 'List', items: resources.map(ordered) }, 'json');
}

function printValue(value: unknown, format: TextFormat): string {
  if (format === 'json') return `${JSON.stringify(value, null, 2)}\n`;
  // With `compat`, text that YAML 1.1 readers would take for a boolean or a number is quoted too.
  return stringify(value, { compat: 'yaml-1.1', lineWidth: 0, aliasDuplicateObjects: false, singleQuote: false });
}

function ordered(resource: AnyResource): unknown {
  return Object.fromEntries(Object.entries(writtenForm(resource)).map(([key, value]) => [key, sorted(value)]));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, entry]) => [key, sorted(entry)]));
}

/** Why a stored object is treated as absent. */
export interface StoredError {
  readonly kind: 'not-json' | 'invalid';
  /** `kind/name` where the text gives one, else empty. */
  readonly subject: string;
  readonly reasons: readonly string[];
}

/**
 * Reads an object back from a store and validates it again (semantics §1.1, layer 5). Calico before 3.32 stored policies
 * of the default tier as `default.<name>`; the name a user knows is given back (semantics §6.4).
 */
export function parseStored(json: string): Result<AnyResource, StoredError> {
  const raw = nestingOf(json) > maxNesting ? undefined : parseJson(json);
  if (raw === undefined) return err({ kind: 'not-json', subject: '', reasons: ['not valid JSON, or nested too deep'] });
  const named = withUserName(raw);
  const { resource, problems } = validateStored(named);
  if (resource) return ok(resource);
  const reasons = problems
    .filter((problem) => problem.severity === 'error')
    .map((problem) => `${printFieldPath(problem.path)}: ${problem.reason}`.replace(/^: /, ''));
  return err({ kind: 'invalid', subject: subjectOf(named), reasons });
}

function subjectOf(raw: unknown): string {
  if (!isRecord(raw)) return '';
  const metadata = isRecord(raw['metadata']) ? raw['metadata'] : {};
  const { kind } = raw;
  const { name } = metadata;
  return typeof kind === 'string' && typeof name === 'string' ? `${kind}/${name}`.slice(0, 300) : '';
}

const nameAnnotation = 'projectcalico.org/metadata';
const storedPolicyKinds = ['GlobalNetworkPolicy', 'NetworkPolicy', 'StagedGlobalNetworkPolicy', 'StagedNetworkPolicy'];

/** A stored policy under the name its user gave it; anything else as it is. */
function withUserName(raw: unknown): unknown {
  if (!isRecord(raw) || !storedPolicyKinds.includes(String(raw['kind'])) || !isRecord(raw['metadata'])) return raw;
  const metadata = raw['metadata'];
  const stored = metadata['name'];
  if (typeof stored !== 'string') return raw;
  const annotated = annotatedName(metadata['annotations']);
  if (annotated) return { ...raw, metadata: { ...metadata, name: annotated.name, annotations: annotated.others } };
  const tier = isRecord(raw['spec']) ? raw['spec']['tier'] : undefined;
  const isDefaultTier = tier === undefined || tier === null || tier === '' || tier === 'default';
  if (!isDefaultTier || !stored.startsWith('default.')) return raw;
  return { ...raw, metadata: { ...metadata, name: stored.slice('default.'.length) } };
}

/** The name that an annotation of Calico 3.32 or later gives, and the annotations without it. */
function annotatedName(annotations: unknown): { readonly name: string; readonly others: object } | undefined {
  if (!isRecord(annotations)) return undefined;
  const { [nameAnnotation]: text, ...others } = annotations;
  const parsed = typeof text === 'string' ? parseJson(text) : undefined;
  if (!isRecord(parsed) || typeof parsed['name'] !== 'string') return undefined;
  const { name, ...fields } = parsed;
  const kept = Object.keys(fields).length > 0 ? { ...others, [nameAnnotation]: JSON.stringify(fields) } : others;
  return { name: String(name), others: kept };
}

const maxNesting = 100;

/** How deep JSON text is nested; measured before anything recursive sees the value. */
function nestingOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') quoted = !quoted;
    else if (quoted && character === '\\') i++;
    else if (!quoted && (character === '[' || character === '{')) deepest = Math.max(deepest, ++depth);
    else if (!quoted && (character === ']' || character === '}')) depth--;
  }
  return deepest;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
