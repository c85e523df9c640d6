/**
 * YAML or JSON text into plain JSON values, each able to say where its parts stand in the file.
 *
 *   text ─[read]→ documents (value + positions) and syntax errors ─[validate]→ Resource
 *
 * Invariant: linear time and bounded depth for any text. Nesting is measured on the flat token tree before anything
 * recursive sees it, aliases are expanded within a budget, and keys become own properties of objects without a prototype.
 */
import {
  type Alias,
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  Schema,
  type YAMLMap,
} from 'yaml';
import type { FieldPath } from './resource.ts';
import { indexLines, type Place, splitDocuments } from './text-lines.ts';
import { deepOffset, isBlank, maxDepth, parseTokens, tooDeepReason } from './yaml-tokens.ts';

const maxAliasedValues = 100_000;
const maxSyntaxErrors = 20;
const maxFaults = 1000;

export interface TextError {
  /** From 1; 0 when the whole text is meant. */
  readonly line: number;
  readonly column: number;
  readonly reason: string;
}

/** What readers of YAML may take differently: a field name that occurs twice in one object, a number with leading zeros. */
export interface Fault extends TextError {
  readonly path: FieldPath;
}

export interface TextDocument {
  /** The first of repeated fields counts. */
  readonly value: unknown;
  readonly faults: readonly Fault[];
  /** Position of the value at the path, or of its name; of the nearest enclosing part when there is no such field. */
  locate(path: FieldPath, on: 'key' | 'value'): { readonly line: number; readonly column: number };
}

export interface TextTree {
  readonly documents: readonly TextDocument[];
  readonly errors: readonly TextError[];
}

type Locate = (offset: number) => Place;

const options = {
  schema: new Schema({ schema: 'core', resolveKnownTags: false }),
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

const documentTokens: ReadonlySet<string> = new Set([
  'byte-order-mark',
  'comment',
  'directive',
  'doc-end',
  'document',
  'newline',
  'space',
]);

/** Reads every document of the text; a document with a syntax error is left out and reported. */
export function readYaml(text: string): TextTree {
  const placeOf = indexLines(text);
  const documents: TextDocument[] = [];
  const errors: TextError[] = [];
  for (const piece of splitDocuments(text)) {
    if (isBlank(piece.text)) continue;
    readPiece(piece.text, (offset) => placeOf(piece.offset + offset), documents, errors);
  }
  return { documents, errors };
}

function readPiece(text: string, place: Locate, documents: TextDocument[], errors: TextError[]): void {
  const before = errors.length;
  const composer = new Composer(options);
  let composed = 0;
  const take = (document: Document): void => {
    const found = syntaxErrors(document, place);
    const index = composed++;
    if (found.length > 0) errors.push(...found);
    else if (document.contents !== null)
      readDocument(document.contents as Node, { text, index, place }, documents, errors);
  };
  let strays = 0;
  const tokens = parseTokens(text);
  let next = tokens.next();
  for (; !next.done; next = tokens.next()) {
    const token = next.value;
    // Each token outside a document is an error of its own; text that is no YAML at all would give one for every character.
    if (!documentTokens.has(token.type) && ++strays > maxSyntaxErrors) {
      errors.push({
        ...place(token.offset),
        reason: 'not valid YAML: too many errors; the rest of this document is not read',
      });
      break;
    }
    const tooDeep = deepOffset(token);
    if (tooDeep === undefined) {
      for (const document of composer.next(token)) take(document as Document);
    } else {
      errors.push({ ...place(tooDeep), reason: tooDeepReason });
    }
  }
  if (next.done && next.value !== undefined) errors.push({ ...place(next.value.offset), reason: next.value.reason });
  for (const document of composer.end()) take(document as Document);
  keepFirstStray(errors, before);
}

const stray = /^not valid YAML: Unexpected .*(?:at node end|token in YAML stream)/;

/** What follows the end of a document is one mistake, however many tokens it has. */
function keepFirstStray(errors: TextError[], from: number): void {
  const found = errors.splice(from);
  const first = found.findIndex((error) => stray.test(error.reason));
  for (const [index, error] of found.entries()) {
    if (index === first) errors.push({ ...error, reason: `${error.reason}; documents are divided by a line ---` });
    else if (!stray.test(error.reason)) errors.push(error);
  }
}

function syntaxErrors(document: Document, place: Locate): TextError[] {
  const problems = [...document.errors, ...document.warnings];
  const shown = problems.slice(0, maxSyntaxErrors).map((error) => ({
    ...place(error.pos[0]),
    reason: `not valid YAML: ${firstLine(error.message)}`,
  }));
  const last = shown.at(-1);
  const more = problems.length - shown.length;
  return last && more > 0
    ? [...shown, { ...last, reason: `not valid YAML: ${more} more errors in this document` }]
    : shown;
}

function firstLine(message: string): string {
  const line = message.split('\n', 1)[0] ?? '';
  const short = line.length > 200 ? `${line.slice(0, 200)}…` : line;
  return /tabs/i.test(short) ? `${short}; indent with spaces` : short;
}

interface Reading {
  readonly place: Locate;
  readonly errors: TextError[];
  readonly faults: Fault[];
  /** Path of the node being read. */
  readonly path: (string | number)[];
  readonly anchors: Map<string, Node>;
  readonly targets: Map<Alias, Node>;
  /** Anchored nodes being read now: an alias to one of them would contain itself. */
  readonly open: Set<Node>;
  aliasDepth: number;
  aliased: number;
  /** Set when the document cannot be used; no further errors are worth reporting. */
  stopped: boolean;
}

/** Where a document stands: its nodes are composed again when somebody asks for a place, which is seldom. */
interface Source {
  readonly text: string;
  /** Among the documents of the text. */
  readonly index: number;
  readonly place: Locate;
}

function readDocument(root: Node, source: Source, documents: TextDocument[], errors: TextError[]): void {
  const reading = startReading(source.place);
  const value = readNode(root, reading, 0);
  errors.push(...reading.errors);
  if (reading.stopped) return;
  // Nodes take fifty times the room of the text; of a hundred thousand documents only the one asked for last keeps them.
  documents.push({ value, faults: reading.faults, locate: (path, on) => locateIn(source, path, on) });
}

function startReading(place: Locate): Reading {
  return {
    place,
    errors: [],
    faults: [],
    path: [],
    anchors: new Map(),
    targets: new Map(),
    open: new Set(),
    aliasDepth: 0,
    aliased: 0,
    stopped: false,
  };
}

let composedLast: { readonly source: Source; readonly root: Node; readonly reading: Reading } | undefined;

function locateIn(source: Source, path: FieldPath, on: 'key' | 'value'): Place {
  if (composedLast?.source !== source) {
    const root = composeAgain(source);
    if (!root) return source.place(0);
    // Aliases are resolved by reading.
    const reading = startReading(source.place);
    readNode(root, reading, 0);
    composedLast = { source, root, reading };
  }
  return locate(composedLast.root, path, on, composedLast.reading);
}

function composeAgain({ text, index }: Source): Node | undefined {
  const composer = new Composer(options);
  const documents: Document[] = [];
  for (const token of parseTokens(text)) {
    for (const document of composer.next(token)) documents.push(document as Document);
  }
  for (const document of composer.end()) documents.push(document as Document);
  return (documents[index]?.contents as Node | null) ?? undefined;
}

function stop(reading: Reading, node: Node, reason: string): undefined {
  if (!reading.stopped) reading.errors.push({ ...reading.place(node.range?.[0] ?? 0), reason });
  reading.stopped = true;
}

function readNode(node: Node | null | undefined, reading: Reading, depth: number): unknown {
  if (!node || reading.stopped) return null;
  if (depth > maxDepth) return stop(reading, node, tooDeepReason);
  if (reading.aliasDepth > 0 && ++reading.aliased > maxAliasedValues) {
    return stop(reading, node, `aliases expand to more than ${maxAliasedValues} values: write the values out`);
  }
  if (isAlias(node)) return readAlias(node, reading, depth);
  const anchor = 'anchor' in node ? node.anchor : undefined;
  if (anchor !== undefined) {
    reading.anchors.set(anchor, node);
    reading.open.add(node);
  }
  const value = readPlain(node, reading, depth);
  if (anchor !== undefined) reading.open.delete(node);
  return value;
}

function readPlain(node: Node, reading: Reading, depth: number): unknown {
  if (isScalar(node)) {
    const { value, source = '' } = node;
    if (typeof value === 'number' && /^[-+]?0[0-9]+$/.test(source)) {
      const shown = source.slice(0, 30);
      addFault(reading, node, undefined, `${shown} is octal to some readers of YAML: write it without leading zeros`);
    }
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return value;
    return stop(reading, node, 'a value of this type has no place in a resource: write text, a number, true or false');
  }
  if (isSeq(node)) return node.items.map((item, index) => readAtStep(item as Node | null, index, reading, depth));
  return isMap(node) ? readMap(node, reading, depth) : null;
}

function readAtStep(node: Node | null, step: string | number, reading: Reading, depth: number): unknown {
  reading.path.push(step);
  const value = readNode(node, reading, depth + 1);
  reading.path.pop();
  return value;
}

function readAlias(alias: Alias, reading: Reading, depth: number): unknown {
  const target = reading.targets.get(alias) ?? reading.anchors.get(alias.source);
  if (!target) return stop(reading, alias, `alias *${alias.source.slice(0, 60)} refers to no anchor before it`);
  if (reading.open.has(target)) return stop(reading, alias, `alias *${alias.source.slice(0, 60)} contains itself`);
  reading.targets.set(alias, target);
  reading.aliasDepth++;
  const value = readNode(target, reading, depth);
  reading.aliasDepth--;
  return value;
}

function readMap(map: YAMLMap, reading: Reading, depth: number): unknown {
  const result: Record<string, unknown> = Object.create(null);
  const firstAt = new Map<string, Node>();
  const merged: unknown[] = [];
  for (const pair of map.items) {
    const keyNode = pair.key as Node;
    const key = keyText(keyNode);
    if (key === undefined) {
      stop(reading, keyNode ?? map, 'a field name must be plain text');
      return result;
    }
    const value = readAtStep(pair.value as Node | null, key, reading, depth);
    if (isMergeKey(keyNode)) {
      const sources = Array.isArray(value) ? value : [value];
      if (!sources.every((source) => typeof source === 'object' && source !== null && !Array.isArray(source)))
        stop(reading, keyNode, 'what << merges must be an object, or a list of objects');
      merged.push(...sources);
      continue;
    }
    const first = firstAt.get(key);
    if (first) {
      addFault(reading, keyNode, key, repeatReason(key, first, reading));
    } else {
      firstAt.set(key, keyNode);
      result[key] = value;
    }
  }
  for (const source of merged) {
    if (typeof source !== 'object' || source === null) continue;
    for (const [key, value] of Object.entries(source))
      if (!firstAt.has(key) && !Object.hasOwn(result, key)) result[key] = value;
  }
  return result;
}

function repeatReason(key: string, first: Node, reading: Reading): string {
  const { line } = reading.place(first.range?.[0] ?? 0);
  return `duplicate field ${JSON.stringify(key.slice(0, 100))}: it is already given at line ${line}; keep one`;
}

/** What an alias repeats is told where it is written. */
function addFault(reading: Reading, node: Node, step: string | undefined, reason: string): void {
  if (reading.aliasDepth > 0 || reading.faults.length >= maxFaults) return;
  const path = step === undefined ? [...reading.path] : [...reading.path, step];
  reading.faults.push({ ...reading.place(node.range?.[0] ?? 0), path, reason });
}

function keyText(key: Node | null): string | undefined {
  if (!isScalar(key)) return undefined;
  const { value } = key;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

/** YAML 1.1 merge key, which Kubernetes tools read. */
function isMergeKey(key: Node): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

function locate(root: Node, path: FieldPath, on: 'key' | 'value', reading: Reading): Place {
  let node: Node | null = root;
  let offset = root.range?.[0] ?? 0;
  for (const [index, step] of path.entries()) {
    const found = findStep(resolveAlias(node, reading), step, reading);
    if (!found) break;
    const isLast = index === path.length - 1;
    const empty = found.value === null || (isScalar(found.value) && found.value.value === null);
    node = found.value;
    const chosen = found.key && (empty || (isLast && on === 'key')) ? found.key : (found.value ?? found.key);
    offset = chosen?.range?.[0] ?? offset;
  }
  return reading.place(offset);
}

function resolveAlias(node: Node | null, reading: Reading): Node | null {
  let here = node;
  for (let hops = 0; isAlias(here) && hops < maxDepth; hops++) here = reading.targets.get(here) ?? null;
  return here;
}

interface Step {
  readonly key: Node | undefined;
  readonly value: Node | null;
}

function findStep(node: Node | null, step: string | number, reading: Reading): Step | undefined {
  if (isSeq(node)) {
    const item = typeof step === 'number' ? node.items[step] : undefined;
    return item === undefined ? undefined : { key: undefined, value: item as Node | null };
  }
  if (!isMap(node)) return undefined;
  for (const pair of node.items) {
    const key = pair.key as Node;
    if (!isMergeKey(key) && keyText(key) === String(step)) return { key, value: pair.value as Node | null };
  }
  for (const pair of node.items) {
    if (!isMergeKey(pair.key as Node)) continue;
    const source = resolveAlias(pair.value as Node | null, reading);
    for (const candidate of isSeq(source) ? source.items : [source]) {
      const found = findStep(resolveAlias(candidate as Node | null, reading), step, reading);
      if (found) return found;
    }
  }
  return undefined;
}
