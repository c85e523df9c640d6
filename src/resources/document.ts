/**
 * Files into resources: every document of every file, every problem at once, each with its place.
 *
 *   files ─[read YAML]→ documents ─[validate]→ LocatedResource[] + Diagnostic[]
 *
 * Invariant: never throws, whatever the bytes. A resource is returned only when it has no error of its own.
 */
import type { Diagnostic } from './diagnostic.ts';
import { kindEntry } from './kinds.ts';
import { type FieldPath, type Position, resourceId } from './resource.ts';
import {
  child,
  isRecord,
  isSecret,
  maxProblems,
  type Problem,
  report,
  rootAt,
  showValue,
  wrongType,
} from './schema.ts';
import type { LocatedResource } from './snapshot.ts';
import { validateResource } from './validate.ts';
import { writtenPath } from './written-form.ts';
import { type Fault, readYaml, type TextDocument, type TextError } from './yaml-tree.ts';

export interface InputFile {
  readonly path: string;
  readonly text: string;
}

export interface ParsedFiles {
  readonly resources: LocatedResource[];
  readonly errors: Diagnostic[];
  readonly warnings: Diagnostic[];
}

const maxCharacters = 64 * 1024 * 1024;

/**
 * Parses files as one input: a resource that occurs twice is an error that names both places. Errors come in the order of
 * files and lines. Namespaced resources without a namespace get the default one.
 */
export function parseFiles(files: readonly InputFile[], defaultNamespace = 'default'): ParsedFiles {
  const result: ParsedFiles = { resources: [], errors: [], warnings: [] };
  for (const file of files) readFile(file, result, defaultNamespace);
  rejectRepeated(result);
  const order = new Map(files.map((file, index) => [file.path, index]));
  const byPlace = (a: Diagnostic, b: Diagnostic): number =>
    (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0) || a.line - b.line || a.column - b.column;
  result.errors.sort(byPlace);
  result.warnings.sort(byPlace);
  return result;
}

/** One file, as `parseFiles` would read it alone. */
export function parseFile(file: InputFile): ParsedFiles {
  return parseFiles([file]);
}

/** A list entry or document that should be one resource, with the path to it from the document's root. */
interface Candidate {
  readonly document: TextDocument;
  readonly base: FieldPath;
  readonly value: unknown;
  /** Of a List that is none. */
  readonly problems?: readonly Problem[];
}

function readFile(file: InputFile, result: ParsedFiles, defaultNamespace: string): void {
  const whole = (line: number, column: number, reason: string): void => {
    result.errors.push({ file: file.path, line, column, kind: '', name: '', field: '', value: '', reason });
  };
  const text = file.text.startsWith('\uFEFF') ? file.text.slice(1) : file.text;
  const binary = unreadable(text);
  if (binary) {
    whole(binary.line, binary.column, binary.reason);
    return;
  }
  const tree = readYaml(text);
  for (const error of tree.errors) whole(error.line, error.column, error.reason);
  const candidates = tree.documents.flatMap((document) => unwrap(document, [], document.value, 0));
  if (candidates.length === 0 && tree.errors.length === 0) whole(0, 0, `no resources specified in file ${file.path}`);
  for (const candidate of candidates) takeCandidate(file.path, candidate, result, defaultNamespace);
  for (const document of tree.documents) {
    for (const fault of document.faults) result.errors.push(diagnoseFault(file.path, candidates, document, fault));
  }
}

/** Control characters and U+FFFD (what undecodable bytes become) mean that this is no YAML text. */
function unreadable(text: string): TextError | undefined {
  if (text.length > maxCharacters) return { line: 0, column: 0, reason: 'file is larger than 64 MiB: split it' };
  const match = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffd]/.exec(text);
  if (!match) return undefined;
  const before = text.slice(0, match.index);
  const line = before.split('\n').length;
  const column = match.index - before.lastIndexOf('\n');
  const code = match[0].charCodeAt(0).toString(16).padStart(2, '0');
  const what = match[0] === '\ufffd' ? 'bytes that are not valid UTF-8' : `the control character 0x${code}`;
  return { line, column, reason: `not a text file: it contains ${what}; write YAML or JSON in UTF-8` };
}

/** The resources a value stands for: itself, the entries of an array, the items of a List. */
function unwrap(document: TextDocument, base: FieldPath, value: unknown, depth: number): Candidate[] {
  if (value === null && depth === 0) return [];
  if (Array.isArray(value) && depth < 3) {
    return value.flatMap((entry, index) => unwrap(document, [...base, index], entry, depth + 1));
  }
  if (!isRecord(value) || !isList(value) || depth >= 3) return [{ document, base, value }];
  const problems = listProblems(value);
  if (problems.length > 0) return [{ document, base, value, problems }];
  const items = (value['items'] ?? []) as readonly unknown[];
  const itemKind = String(value['kind']).slice(0, -'List'.length);
  return items.flatMap((item, index) =>
    unwrap(document, [...base, 'items', index], withListKind(item, itemKind), depth + 1),
  );
}

/** What makes a List none; then its items are not looked at. */
function listProblems(list: Readonly<Record<string, unknown>>): Problem[] {
  const problems: Problem[] = [];
  const at = rootAt(problems);
  const entry = kindEntry(String(list['kind']).slice(0, -'List'.length));
  const { apiVersion, items } = list;
  if (entry && apiVersion !== undefined && apiVersion !== entry.apiVersion) {
    report(child(at, 'apiVersion'), `${showValue(apiVersion)} is not of ${entry.kind}: write ${entry.apiVersion}`);
  }
  for (const key of Object.keys(list)) {
    if (!['apiVersion', 'kind', 'metadata', 'items'].includes(key))
      report(child(at, key), 'a list has apiVersion, kind, metadata and items only', 'key');
  }
  if (items !== undefined && items !== null && !Array.isArray(items)) wrongType(child(at, 'items'), items, 'a list');
  return problems;
}

function isList(value: Readonly<Record<string, unknown>>): boolean {
  const kind = value['kind'];
  if (typeof kind !== 'string' || !kind.endsWith('List')) return false;
  return kind === 'List' || kindEntry(kind.slice(0, -'List'.length)) !== undefined;
}

/** Items of a typed list may leave out kind and apiVersion, as Kubernetes servers do. */
function withListKind(item: unknown, kind: string): unknown {
  const entry = kindEntry(kind);
  if (!entry || !isRecord(item) || Object.hasOwn(item, 'kind')) return item;
  return { apiVersion: entry.apiVersion, kind, ...item };
}

function takeCandidate(file: string, candidate: Candidate, result: ParsedFiles, defaultNamespace: string): void {
  const { document, base, value } = candidate;
  const { resource, problems } = candidate.problems
    ? { resource: undefined, problems: candidate.problems }
    : validateResource(value, defaultNamespace);
  for (const problem of problems) {
    const list = problem.severity === 'error' ? result.errors : result.warnings;
    list.push(diagnose(file, candidate, problem));
  }
  if (problems.length >= maxProblems) {
    result.errors.push(
      diagnose(file, candidate, {
        path: [],
        on: 'value',
        severity: 'error',
        reason: `more than ${maxProblems} problems; the others are not shown`,
      }),
    );
  }
  if (!resource) return;
  const locate = (path: FieldPath): Position => ({
    file,
    ...document.locate([...base, ...writtenPath(resource, path)], 'value'),
  });
  result.resources.push({ resource, locate });
}

function diagnose(file: string, candidate: Candidate, problem: Problem): Diagnostic {
  const { document, base, value } = candidate;
  const place = document.locate([...base, ...problem.path], problem.on);
  const metadata = isRecord(value) ? value['metadata'] : undefined;
  const name = isRecord(metadata) ? metadata['name'] : undefined;
  const kind = isRecord(value) ? value['kind'] : undefined;
  return {
    file,
    ...place,
    kind: typeof kind === 'string' ? kind.slice(0, 200) : '',
    name: typeof name === 'string' ? name.slice(0, 253) : '',
    field: printFieldPath(problem.path),
    value: shownValue(value, problem.path),
    reason: problem.reason,
  };
}

function diagnoseFault(
  file: string,
  candidates: readonly Candidate[],
  document: TextDocument,
  fault: Fault,
): Diagnostic {
  const { line, column, path, reason } = fault;
  const owner = candidates.find(
    (candidate) => candidate.document === document && candidate.base.every((step, index) => step === path[index]),
  );
  const inside = path.slice(owner?.base.length ?? 0);
  const described = diagnose(file, owner ?? { document, base: [], value: undefined }, {
    path: inside,
    on: 'key',
    severity: 'error',
    reason,
  });
  return { ...described, line, column, value: '' };
}

/** The offending value as JSON; never one that may be a secret written in the wrong place. */
export function shownValue(root: unknown, path: FieldPath): string {
  if (path.length === 0 || isSecret(path)) return '';
  let value: unknown = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return '';
    value = (value as Readonly<Record<string | number, unknown>>)[step];
  }
  const shown = JSON.stringify(value, (key, entry: unknown) => (isSecret([key]) ? '…' : entry)) ?? '';
  return shown.length > 200 ? `${shown.slice(0, 199)}…` : shown;
}

/** `spec.ingress[0].protocol`; keys that are no plain word are quoted in brackets. */
export function printFieldPath(path: FieldPath): string {
  let printed = '';
  for (const step of path) {
    if (typeof step === 'number') printed += `[${step}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(step)) printed += printed === '' ? step : `.${step}`;
    else printed += `[${showValue(step)}]`;
  }
  return printed;
}

function rejectRepeated(result: ParsedFiles): void {
  const first = new Map<string, LocatedResource>();
  const kept = result.resources.filter((entry) => {
    const id = resourceId(entry.resource);
    const earlier = first.get(id);
    if (!earlier) {
      first.set(id, entry);
      return true;
    }
    const here = entry.locate(['metadata', 'name']);
    const there = earlier.locate(['metadata', 'name']);
    result.errors.push({
      ...here,
      kind: entry.resource.kind,
      name: entry.resource.metadata.name,
      field: 'metadata.name',
      value: JSON.stringify(entry.resource.metadata.name),
      reason: `${id} is defined twice: first at ${there.file}:${there.line}:${there.column}; remove one`,
    });
    return false;
  });
  result.resources.splice(0, result.resources.length, ...kept);
}
