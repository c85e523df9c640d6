/**
 * The user's own BIRD text: what it may hold, what it defines, and where in it an error of BIRD's lies.
 *
 *   *.conf ─[checkSnippet]→ BirdSnippet ─[snippetLines]→ bird.conf        BIRD's error ─[locateInSnippets]→ file and line
 *
 * Invariant: a snippet adds symbols that begin with `user_` and nothing else. What would take over what is ours (options of
 * the whole process, `include`, symbols named `cw_`, functions that accept, a statement left open over its end) is refused, and each is copied as it is, whole or
 * not at all. Whether the rest is BIRD's language BIRD says.
 */
import { err, ok, type Result } from '../result.ts';

export interface BirdSnippet {
  /** Name of its file, without the folder. */
  readonly file: string;
  readonly text: string;
}

export interface SnippetError {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly message: string;
}

export const userPrefix = 'user_';

/** `user.conf:3: message`. */
export function printSnippetError({ file, line, message }: SnippetError): string {
  return `${file}:${line}: ${message}`;
}

/** By the list of snippets: hundreds of sessions ask the same. */
const functionsOf = new WeakMap<readonly BirdSnippet[], ReadonlySet<string>>();

/** The functions that snippets define: what an Attachment's raw filters may name. */
export function snippetFunctions(snippets: readonly BirdSnippet[]): ReadonlySet<string> {
  const known = functionsOf.get(snippets);
  if (known) return known;
  const functions = findFunctions(snippets);
  functionsOf.set(snippets, functions);
  return functions;
}

function findFunctions(snippets: readonly BirdSnippet[]): ReadonlySet<string> {
  return new Set(
    snippets.flatMap(({ text }) => {
      const scanned = scan(text);
      return scanned.ok
        ? scanned.value.flatMap((one) => (one.words[0] === 'function' ? (one.words[1] ?? []) : []))
        : [];
    }),
  );
}

/** Refuses what a snippet must not hold, naming the line. */
export function checkSnippet({ file, text }: BirdSnippet): Result<void, SnippetError> {
  if (text.includes('\0'))
    return err({ file, line: text.slice(0, text.indexOf('\0')).split('\n').length, message: 'holds a NUL byte' });
  const scanned = scan(text);
  if (!scanned.ok) return err({ file, ...scanned.error });
  for (const statement of scanned.value) {
    const message = reasonRefused(statement.words);
    if (message !== undefined) return err({ file, line: statement.line, message });
  }
  return ok(undefined);
}

/** What may stand outside braces, by the words before the name it defines. */
const definitions: readonly RegExp[] = [
  /^(?:function|filter|define)$/,
  /^(?:protocol|template) [a-z0-9]+$/,
  /^attribute [a-z]+$/,
  /^(?:ipv4|ipv6|ipv6 sadr|vpn4|vpn6|roa4|roa6|flow4|flow6|mpls) table$/,
];

function reasonRefused(words: readonly string[]): string | undefined {
  const at = words.findIndex((_, i) => definitions.some((before) => before.test(words.slice(0, i).join(' '))));
  if (at < 0) {
    return `${words.slice(0, 2).join(' ')}: only function, filter, define, attribute, table, template and protocol may stand here`;
  }
  const name = words[at] ?? '';
  return name.startsWith(userPrefix)
    ? undefined
    : `${words.slice(0, at + 1).join(' ')}: a name of yours begins with ${userPrefix}`;
}

interface Statement {
  /** Counted from 1. */
  readonly line: number;
  /** Its words up to the first brace, parenthesis, sign or semicolon. */
  readonly words: readonly string[];
}

/** BIRD's lexer as far as it matters here: comments, strings, words, brackets. */
const token = /#[^\n]*|\/\*[\s\S]*?\*\/|\/\*|"[^"\n]*"|"|'[^'\n]*'|[\w.:]+|\s+|[\s\S]/g;
const closing: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };

function scan(text: string): Result<readonly Statement[], Omit<SnippetError, 'file'>> {
  const statements: Statement[] = [];
  const open: string[] = [];
  let current: { line: number; words: string[]; isHead: boolean } | undefined;
  const reasonOf = (found: string): string | undefined =>
    found === 'accept' && current?.words[0] === 'function'
      ? 'a function must not accept, which would end the filter that calls it before all was asked: let it return true'
      : reasonUnreadable(found, open);
  let line = 1;
  for (const [found] of text.matchAll(token)) {
    const message = reasonOf(found);
    if (message !== undefined) return err({ line, message });
    if (!/^(?:#|\/\*|\s)/.test(found)) {
      current ??= { line, words: [], isHead: true };
      if (/^[([{]$/.test(found)) open.push(found);
      else if (closing[found]) open.pop();
      current.isHead &&= /^\w/.test(found);
      if (current.isHead) current.words.push(found);
      if (open.length === 0 && (found === ';' || found === '}')) {
        if (current.words.length > 0) statements.push({ line: current.line, words: current.words });
        current = undefined;
      }
    }
    line += found.split('\n').length - 1;
  }
  if (open.length > 0) return err({ line, message: `${open.at(-1)} is not closed` });
  return current ? err({ line: current.line, message: 'the last statement does not end' }) : ok(statements);
}

function reasonUnreadable(found: string, open: readonly string[]): string | undefined {
  if (found === '/*') return 'a comment is not closed';
  if (found === '"') return 'a string is not closed';
  // BIRD reads a file in wherever a line begins with it, inside braces too.
  if (found === 'include') return 'include is not possible here: a file of its own in this folder is';
  const opens = closing[found];
  return opens !== undefined && open.at(-1) !== opens ? `${found} closes nothing` : undefined;
}

/** Snippets as they stand in a configuration, between comments that say so; in the order given. */
export function printSnippets(snippets: readonly BirdSnippet[]): string {
  return snippets
    .map(({ file, text }) => `${beginMark(file)}\n${text.replace(/\n$/, '')}\n${endMark(file)}\n`)
    .join('\n');
}

function beginMark(file: string): string {
  return `# ---- ${markName(file)}: yours, copied as it is ----`;
}

function endMark(file: string): string {
  return `# ---- end of ${markName(file)} ----`;
}

/** A file's name may hold anything; a comment ends with its line. */
function markName(file: string): string {
  return file.replace(/[^\x20-\x7e]/g, '?');
}

/**
 * Where in a snippet an error lies that BIRD found in the whole text (`PATH:LINE:COLUMN message`), as
 * `FILE:LINE:COLUMN message`; undefined where it lies in none.
 */
export function locateInSnippets(
  message: string,
  config: string,
  snippets: readonly BirdSnippet[],
): string | undefined {
  const found = /:(\d+):(\d+) (.*)$/s.exec(message);
  if (!found) return undefined;
  const [, line = '', column = '', what = ''] = found;
  const lines = config.split('\n');
  let from = 0;
  for (const { file } of snippets) {
    const begin = lines.indexOf(beginMark(file), from);
    const end = lines.indexOf(endMark(file), begin);
    if (begin < 0 || end < 0) return undefined;
    const inFile = Number(line) - (begin + 1);
    // An error at the snippet's very end BIRD finds in the line behind it.
    if (inFile >= 1 && Number(line) <= end + 1) return `${file}:${inFile}:${column} ${what}`;
    from = end;
  }
  return undefined;
}
