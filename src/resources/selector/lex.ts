/**
 * Selector text into tokens (semantics §2.1).
 *
 *   text ─[lex]→ Token[] → parse
 *
 * The words of the language are contextual: what stands after a key can only be an operator, and what stands elsewhere
 * can only be a key, so `in in {"a"}` and `all == "x"` are valid. Only space and tab are blank; strings have no escapes.
 */
import { err, ok, type Result } from '../../result.ts';
import type { SelectorError } from './selector.ts';

export type TokenKind =
  | 'key'
  | 'string'
  | 'end'
  | 'has'
  | 'all'
  | 'global'
  | Punctuation
  | 'contains'
  | 'starts with'
  | 'ends with'
  | 'in'
  | 'not in';

type Punctuation = '(' | ')' | '{' | '}' | ',' | '==' | '!=' | '!' | '&&' | '||';

export interface Token {
  readonly kind: TokenKind;
  /** The key, or what stands between the quotes; empty for every other kind. */
  readonly text: string;
  /** Where it begins. */
  readonly offset: number;
}

/** Longest key, in bytes; keys are ASCII, so in characters too. */
const maxKeyLength = 512;

const punctuation: readonly Punctuation[] = ['(', ')', '{', '}', ',', '==', '!=', '!', '&&', '||'];
const functions = ['has', 'all', 'global'] as const;

/** A two-word operator may have any blanks, or none, between its words. */
const operators: readonly (readonly [TokenKind, RegExp])[] = [
  ['contains', /contains(?![A-Za-z0-9_./-])/y],
  ['starts with', /starts[ \t]*with[ \t]*(?![A-Za-z0-9_./-])/y],
  ['ends with', /ends[ \t]*with[ \t]*(?![A-Za-z0-9_./-])/y],
  ['not in', /not[ \t]*in[ \t]*(?![A-Za-z0-9_./-])/y],
  ['in', /in(?![A-Za-z0-9_./-])/y],
];

const blanks = /[ \t]*/y;
const keyCharacters = /[A-Za-z0-9_./-]*/y;

interface Lexed {
  readonly token: Token;
  /** Where the next token may begin. */
  readonly next: number;
}

/** The tokens of a selector, closed by one of kind `end`. Fails at the first character that begins no token. */
export function lexSelector(text: string): Result<readonly Token[], SelectorError> {
  const tokens: Token[] = [];
  let previous: TokenKind | undefined;
  for (let at = skip(blanks, text, 0); at < text.length; ) {
    const lexed = lexPunctuation(text, at) ?? lexString(text, at) ?? lexWord(text, at, previous);
    if (!lexed.ok) return lexed;
    tokens.push(lexed.value.token);
    // has(key) is one token: what stands behind it is not behind a key.
    previous = lexed.value.token.kind;
    at = skip(blanks, text, lexed.value.next);
  }
  tokens.push({ kind: 'end', text: '', offset: text.length });
  return ok(tokens);
}

function lexPunctuation(text: string, at: number): Result<Lexed, SelectorError> | undefined {
  const mark = punctuation.find((candidate) => text.startsWith(candidate, at));
  return mark && lexed(mark, '', at, at + mark.length);
}

function lexString(text: string, at: number): Result<Lexed, SelectorError> | undefined {
  const quote = text[at];
  if (quote !== '"' && quote !== "'") return undefined;
  const end = text.indexOf(quote, at + 1);
  if (end < 0) return syntaxError(at, 'this string has no closing quote');
  return lexed('string', text.slice(at + 1, end), at, end + 1);
}

function lexWord(text: string, at: number, previous: TokenKind | undefined): Result<Lexed, SelectorError> {
  if (previous === 'key') return lexOperator(text, at);
  for (const name of functions) if (text.startsWith(`${name}(`, at)) return lexFunction(text, at, name);
  return lexKey(text, at, 'key', at);
}

function lexOperator(text: string, at: number): Result<Lexed, SelectorError> {
  for (const [kind, pattern] of operators) {
    const end = skip(pattern, text, at);
    if (end > at) return lexed(kind, '', at, end);
  }
  return syntaxError(at, 'expected an operator: ==, !=, in, not in, contains, starts with, ends with');
}

function lexFunction(text: string, at: number, name: (typeof functions)[number]): Result<Lexed, SelectorError> {
  const inside = skip(blanks, text, at + name.length + 1);
  const argument = name === 'has' ? lexKey(text, inside, 'has', at) : lexed(name, '', at, inside);
  if (!argument.ok) return argument;
  const close = skip(blanks, text, argument.value.next);
  if (text[close] !== ')') return syntaxError(close, `expected ) to close ${name}(`);
  return ok({ token: argument.value.token, next: close + 1 });
}

function lexKey(text: string, at: number, kind: TokenKind, offset: number): Result<Lexed, SelectorError> {
  const end = skip(keyCharacters, text, at);
  if (end === at) return syntaxError(at, `unexpected ${describe(text, at)}`);
  if (end - at > maxKeyLength) return syntaxError(at, `a label key has at most ${maxKeyLength} characters`);
  return lexed(kind, text.slice(at, end), offset, end);
}

function describe(text: string, at: number): string {
  const point = text.codePointAt(at);
  if (point === undefined) return 'end of selector';
  if (point === 0x0a || point === 0x0d) return 'line break: a selector is one line, only space and tab are blank';
  return `character ${JSON.stringify(String.fromCodePoint(point))}`;
}

/** Where the sticky pattern's match at `at` ends; `at` itself when it does not match. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

function lexed(kind: TokenKind, text: string, offset: number, next: number): Result<Lexed, SelectorError> {
  return ok({ token: { kind, text, offset }, next });
}

export function syntaxError(offset: number, message: string): { readonly ok: false; readonly error: SelectorError } {
  return err({ kind: 'syntax', offset, message });
}
