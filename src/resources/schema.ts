/**
 * A schema language just large enough for declarative resources: parsers of JSON values that collect every problem.
 *
 *   JSON value ─[parse]→ typed spec + problems
 *
 * Invariant: a parser never throws and never stops at the first problem; rules between fields run on whatever fields are
 * sound, also when others are not. docs/decisions/0001 says why this is not a library.
 */
export interface Problem {
  readonly path: readonly (string | number)[];
  /** Whether the field's name or its value is to blame; decides which position is shown. */
  readonly on: 'key' | 'value';
  readonly severity: 'error' | 'warning';
  /** Of an error: Calico's clients let it through, or did, so that an object in a store may have it; intent knows what to do. */
  readonly isOldError?: true;
  readonly reason: string;
}

/** Where a parser stands inside the resource; a list linked towards the root. */
export interface At {
  readonly up: At | undefined;
  readonly step: string | number;
  readonly problems: Problem[];
}

/** The typed value, or undefined after having reported at least one problem. */
export interface Parser<T> {
  (value: unknown, at: At): T | undefined;
  /** What an empty value of the field's type looks like; any empty value will do when it is not said. */
  readonly zero?: Zero;
}

type Zero = 'text' | 'number' | 'boolean' | 'list' | 'object';

function ofType<T>(zero: Zero, parse: Parser<T>): Parser<T> {
  return Object.assign(parse, { zero });
}

/**
 * How absence is understood. `optional`: absent or null. `omit-empty`: also `""`, `0`, `false`, `[]` or `{}`, whichever is of
 * the field's type, which Calico's client drops before it validates (semantics §1.1). `required`: must be there, and not empty text or list.
 */
export type Presence = 'required' | 'optional' | 'omit-empty';

export interface Field<T> {
  readonly parse: Parser<T>;
  readonly presence: Presence;
  /** Filled in when the field is absent. */
  readonly fallback?: T;
}

export type Fields<T> = { readonly [K in keyof T]-?: Field<Exclude<T[K], undefined>> };

/** A rule between fields: sees the sound ones typed; `has` tells whether a field is present at all, sound or not. */
export type Check<T> = (value: Partial<T>, at: At, has: (key: keyof T & string) => boolean) => void;

export function rootAt(problems: Problem[]): At {
  return { up: undefined, step: '', problems };
}

export function child(at: At, ...steps: readonly (string | number)[]): At {
  return steps.reduce<At>((up, step) => ({ up, step, problems: at.problems }), at);
}

export function pathOf(at: At): readonly (string | number)[] {
  const path: (string | number)[] = [];
  for (let here = at; here.up !== undefined; here = here.up) path.push(here.step);
  return path.reverse();
}

/** Problems kept of one resource; nobody reads more, and hostile input must not fill the memory. */
export const maxProblems = 1000;

export function report(at: At, reason: string, on: 'key' | 'value' = 'value'): undefined {
  if (at.problems.length < maxProblems) at.problems.push({ path: pathOf(at), on, severity: 'error', reason });
}

/** An error in what is written, and none in what lies in a store. */
export function reportOld(at: At, reason: string, on: 'key' | 'value' = 'value'): undefined {
  if (at.problems.length < maxProblems)
    at.problems.push({ path: pathOf(at), on, severity: 'error', isOldError: true, reason });
}

export function warn(at: At, reason: string): void {
  at.problems.push({ path: pathOf(at), on: 'value', severity: 'warning', reason });
}

export function required<T>(parse: Parser<T>): Field<T> {
  return { parse, presence: 'required' };
}

export function optional<T>(parse: Parser<T>, fallback?: T): Field<T> {
  return fallback === undefined ? { parse, presence: 'optional' } : { parse, presence: 'optional', fallback };
}

export function omitEmpty<T>(parse: Parser<T>, fallback?: T): Field<T> {
  return fallback === undefined ? { parse, presence: 'omit-empty' } : { parse, presence: 'omit-empty', fallback };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object with exactly these fields; the result has them in this order. */
export function object<T extends object>(fields: Fields<T>, ...checks: readonly Check<T>[]): Parser<T> {
  const entries = Object.entries(fields as Readonly<Record<string, Field<unknown>>>);
  const known = entries.map(([name]) => name);
  return (value, at) => {
    if (!isRecord(value)) return wrongType(at, value, 'an object');
    const result: Record<string, unknown> = {};
    let sound = rejectUnknown(value, known, at);
    for (const [name, field] of entries) {
      const raw = Object.hasOwn(value, name) ? value[name] : undefined;
      if (isAbsent(raw, field.presence, field.parse.zero)) {
        if (field.presence === 'required') sound = reportMissing(at, name);
        else if (field.fallback !== undefined) result[name] = field.fallback;
        continue;
      }
      const parsed = field.parse(raw, child(at, name));
      if (parsed === undefined) sound = false;
      else result[name] = parsed;
    }
    const has = (key: string): boolean => {
      const raw = Object.hasOwn(value, key) ? value[key] : undefined;
      const field = (fields as Readonly<Record<string, Field<unknown>>>)[key];
      return !isAbsent(raw, field?.presence ?? 'optional', field?.parse.zero);
    };
    for (const check of checks) check(result as Partial<T>, at, has);
    return sound ? (result as T) : undefined;
  };
}

function isAbsent(raw: unknown, presence: Presence, zero: Zero | undefined): boolean {
  if (raw === undefined || raw === null) return true;
  switch (presence) {
    case 'optional':
      return false;
    case 'required':
      return raw === '' || (Array.isArray(raw) && raw.length === 0);
    case 'omit-empty':
      return (zero === undefined || zero === typeOf(raw)) && isEmpty(raw);
  }
}

function typeOf(value: unknown): Zero | undefined {
  if (typeof value === 'string') return 'text';
  if (typeof value === 'number') return 'number';
  if (typeof value === 'boolean') return 'boolean';
  if (Array.isArray(value)) return 'list';
  return isRecord(value) ? 'object' : undefined;
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) ? Object.keys(value).length === 0 : value === '' || value === 0 || value === false;
}

function reportMissing(at: At, name: string): false {
  report(child(at, name), `required field is missing: write ${name}`);
  return false;
}

function rejectUnknown(value: object, known: readonly string[], at: At): boolean {
  let sound = true;
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    sound = false;
    if (at.problems.length >= maxProblems) return false;
    const near = nearest(key, known);
    const hint = near === undefined ? `known here: ${listWords(known)}` : `did you mean ${near}?`;
    const name = key.length > 100 ? `${key.slice(0, 100)}…` : key;
    report(
      child(at, key),
      `field in document is not recognized or is in the wrong location: ${name}; ${commercialHint(key) ?? hint}`,
      'key',
    );
  }
  return sound;
}

/** Fields of Calico's commercial edition, so that an exported policy gets a reason it can act on. */
function commercialHint(key: string): string | undefined {
  const names = ['domains', 'notServices', 'headers', 'allowedEgressDomains'];
  return names.includes(key) ? "it belongs to Calico's commercial editions only; remove it" : undefined;
}

export function list<T>(item: Parser<T>, limits: { min?: number; max?: number; unique?: boolean } = {}): Parser<T[]> {
  return ofType('list', (value, at) => {
    if (!Array.isArray(value)) return wrongType(at, value, 'a list');
    const { min = 0, max = Number.POSITIVE_INFINITY } = limits;
    if (value.length < min) report(at, `has ${value.length} entries; at least ${min} are needed`);
    if (value.length > max) return report(at, `has ${value.length} entries; at most ${max} are allowed`);
    const result: T[] = [];
    const seen = new Set<string>();
    let sound = value.length >= min;
    for (const [index, entry] of value.entries()) {
      const parsed = item(entry, child(at, index));
      if (parsed === undefined) {
        sound = false;
        continue;
      }
      result.push(parsed);
      if (limits.unique !== true) continue;
      const key = JSON.stringify(parsed);
      if (seen.has(key)) report(child(at, index), `${key} is listed twice: remove one`);
      seen.add(key);
    }
    return sound ? result : undefined;
  });
}

/** Text, with an optional test that returns what is wrong (and would be right) or undefined. */
export function text(problemOf?: (value: string) => string | undefined, maxLength?: number): Parser<string> {
  return ofType('text', (value, at) => {
    if (typeof value === 'number' || typeof value === 'boolean') {
      return isSecret(pathOf(at))
        ? wrongType(at, value, 'text')
        : report(at, `must be text, not the ${typeof value} ${String(value)}: put it in quotes`);
    }
    if (typeof value !== 'string') return wrongType(at, value, 'text');
    if (maxLength !== undefined && value.length > maxLength) {
      return report(at, `is ${value.length} characters long; at most ${maxLength} are allowed`);
    }
    const problem = problemOf?.(value);
    return problem === undefined ? value : report(at, problem);
  });
}

export const boolean: Parser<boolean> = ofType('boolean', (value, at) =>
  typeof value === 'boolean' ? value : wrongType(at, value, 'true or false'),
);

export const float: Parser<number> = (value, at) => {
  if (typeof value !== 'number') return wrongType(at, value, 'a number');
  return Number.isFinite(value) ? value : report(at, `${value} is no finite number`);
};

export function integer(min: number, max: number): Parser<number> {
  return ofType('number', (value, at) => {
    if (typeof value !== 'number') return wrongType(at, value, `an integer from ${min} to ${max}`);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    return report(at, `${value} is out of range: write an integer from ${min} to ${max}`);
  });
}

/** One of the words, in exactly that spelling. */
export function oneOf<const T extends string>(...words: readonly T[]): Parser<T> {
  return ofType('text', (value, at) => {
    const found = words.find((word) => word === value);
    return found ?? report(at, notOneOf(value, words));
  });
}

/** One of the words in any case; the result has the documented spelling. */
export function oneOfAnyCase<const T extends string>(...words: readonly T[]): Parser<T> {
  return ofType('text', (value, at) => {
    const lower = typeof value === 'string' ? value.toLowerCase() : undefined;
    return words.find((word) => word.toLowerCase() === lower) ?? report(at, notOneOf(value, words));
  });
}

function notOneOf(value: unknown, words: readonly string[]): string {
  const near = typeof value === 'string' ? nearest(value, words) : undefined;
  return `${showValue(value)} is not one of ${listWords(words)}${near === undefined ? '' : `; did you mean ${near}?`}`;
}

/** A map of text to text; a key without a value has empty text, as Go reads it. */
export function textMap(
  keyProblem?: (key: string) => string | undefined,
  valueProblem?: (value: string) => string | undefined,
): Parser<Record<string, string>> {
  const parseValue = text(valueProblem);
  return ofType('object', (value, at) => {
    if (!isRecord(value)) return wrongType(at, value, 'a map of text to text');
    const result: Record<string, string> = {};
    let sound = true;
    for (const key of Object.keys(value)) {
      const problem = keyProblem?.(key);
      const parsed = parseValue(value[key] ?? '', child(at, key));
      if (problem !== undefined) report(child(at, key), problem, 'key');
      if (problem !== undefined || parsed === undefined || key === '__proto__') sound = false;
      else result[key] = parsed;
    }
    return sound ? result : undefined;
  });
}

/** Exactly one of the keys must be present. */
export function exactlyOne<T>(...keys: readonly (keyof T & string)[]): Check<T> {
  return (_, at, has) => {
    const present = keys.filter(has);
    if (present.length === 0) report(at, `exactly one of ${listWords(keys)} is needed, none is given`);
    for (const extra of present.slice(1))
      report(child(at, extra), `${extra} conflicts with ${present[0]}: keep one`, 'key');
  };
}

/** The two fields exclude each other; reported at the second. */
export function conflict<T>(first: keyof T & string, second: keyof T & string): Check<T> {
  return (_, at, has) => {
    if (has(first) && has(second))
      report(child(at, second), `${second} conflicts with ${first}: remove one of them`, 'key');
  };
}

export function wrongType(at: At, value: unknown, wanted: string): undefined {
  const found = isSecret(pathOf(at)) ? 'what is written here' : typeWord(value);
  return report(at, `must be ${wanted}, not ${found}`);
}

const secretWord = /passw|passphrase|secret|psk|private|preshared|token|credential/i;

/** Whether what stands at the path may be a secret, written in the wrong place or not; then no message may show it. */
export function isSecret(path: readonly (string | number)[]): boolean {
  return path.some((step) => typeof step === 'string' && secretWord.test(step));
}

function typeWord(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return `the text ${showValue(value)}`;
  return `the ${typeof value} ${String(value)}`;
}

/** A value as a reason quotes it; never the inside of a list or an object, which may be huge or deep. */
export function showValue(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : String(value);
  return shown.length > 60 ? `${shown.slice(0, 60)}…` : shown;
}

export function listWords(words: readonly string[]): string {
  return words.slice(0, 40).join(', ') + (words.length > 40 ? ', …' : '');
}

/** The candidate a misspelt word most likely meant: at most two edits away, fewer in short words. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > 64) return undefined;
  const lower = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = lower.length <= 4 ? 2 : 3;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(lower, candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replace, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
