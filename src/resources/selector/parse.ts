/**
 * Selector text into its tree (semantics §2.2).
 *
 *   text ─[lex]→ tokens ─[parse]→ Selector
 *
 * Invariant: any text gives a value, a tree or an error, in time linear in its length and without deep recursion.
 */
import { ok, type Result } from '../../result.ts';
import { lexSelector, syntaxError, type Token, type TokenKind } from './lex.ts';
import type { Selector, SelectorError, TextOperator } from './selector.ts';

type Parsed = Result<Selector, SelectorError>;

/** Reads tokens from the left; the last is always of kind `end` and never taken. */
interface Cursor {
  readonly tokens: readonly Token[];
  at: number;
  /** Parentheses open now. */
  depth: number;
}

/** No selector of 1024 characters reaches it; a longer hostile one is stopped before the stack is. */
const maxDepth = 512;

const textOperators: Readonly<Partial<Record<TokenKind, TextOperator>>> = {
  '==': 'equal',
  '!=': 'not-equal',
  contains: 'contains',
  'starts with': 'starts-with',
  'ends with': 'ends-with',
};

const endToken: Token = { kind: 'end', text: '', offset: 0 };

/** Parses a selector; blank text means `all()`. */
export function parseSelector(text: string): Result<Selector, SelectorError> {
  const lexed = lexSelector(text);
  if (!lexed.ok) return lexed;
  const cursor: Cursor = { tokens: lexed.value, at: 0, depth: 0 };
  if (peek(cursor).kind === 'end') return ok({ kind: 'all' });
  const selector = parseOr(cursor);
  if (!selector.ok) return selector;
  const rest = peek(cursor);
  return rest.kind === 'end' ? selector : syntaxError(rest.offset, 'expected &&, || or the end of the selector');
}

function parseOr(cursor: Cursor): Parsed {
  return parseOperands(cursor, 'or', '||', parseAnd);
}

function parseAnd(cursor: Cursor): Parsed {
  return parseOperands(cursor, 'and', '&&', parseUnary);
}

function parseOperands(
  cursor: Cursor,
  kind: 'and' | 'or',
  separator: TokenKind,
  parseOperand: (cursor: Cursor) => Parsed,
): Parsed {
  const operands: Selector[] = [];
  do {
    const operand = parseOperand(cursor);
    if (!operand.ok) return operand;
    operands.push(operand.value);
  } while (accept(cursor, separator));
  const [first] = operands;
  return ok(operands.length === 1 && first ? first : { kind, operands });
}

/** Two `!` cancel, so any number of them makes one level of tree at most. */
function parseUnary(cursor: Cursor): Parsed {
  let isNegated = false;
  while (accept(cursor, '!')) isNegated = !isNegated;
  const operand = parsePrimary(cursor);
  return operand.ok && isNegated ? ok({ kind: 'not', operand: operand.value }) : operand;
}

function parsePrimary(cursor: Cursor): Parsed {
  const token = take(cursor);
  if (token.kind === 'has') return ok({ kind: 'has', key: token.text });
  if (token.kind === 'all' || token.kind === 'global') return ok({ kind: token.kind });
  if (token.kind === 'key') return parseComparison(cursor, token.text);
  if (token.kind === '(') return parseGroup(cursor, token);
  return syntaxError(token.offset, 'expected a label key, has(key), all(), global() or (');
}

function parseGroup(cursor: Cursor, open: Token): Parsed {
  if (cursor.depth >= maxDepth) return syntaxError(open.offset, `parentheses nest at most ${maxDepth} deep`);
  cursor.depth++;
  const inner = parseOr(cursor);
  cursor.depth--;
  if (!inner.ok || accept(cursor, ')')) return inner;
  return syntaxError(peek(cursor).offset, 'expected &&, || or )');
}

function parseComparison(cursor: Cursor, key: string): Parsed {
  const operator = take(cursor);
  if (operator.kind === 'in') return parseSet(cursor, 'in', key);
  if (operator.kind === 'not in') return parseSet(cursor, 'not-in', key);
  const kind = textOperators[operator.kind];
  if (!kind) return syntaxError(operator.offset, `expected an operator after the label key ${key}`);
  const value = take(cursor);
  if (value.kind !== 'string') return syntaxError(value.offset, 'expected a quoted string');
  return ok({ kind, key, value: value.text });
}

function parseSet(cursor: Cursor, kind: 'in' | 'not-in', key: string): Parsed {
  const open = take(cursor);
  if (open.kind !== '{') return syntaxError(open.offset, 'expected { and a list of quoted strings');
  const values = new Set<string>();
  while (!accept(cursor, '}')) {
    const value = take(cursor);
    if (value.kind !== 'string') return syntaxError(value.offset, 'expected a quoted string or }');
    values.add(value.text);
    if (!accept(cursor, ',') && peek(cursor).kind !== '}') {
      return syntaxError(peek(cursor).offset, 'expected , or }');
    }
  }
  return ok({ kind, key, values: [...values].sort() });
}

function peek(cursor: Cursor): Token {
  return cursor.tokens[cursor.at] ?? endToken;
}

function take(cursor: Cursor): Token {
  const token = peek(cursor);
  if (token.kind !== 'end') cursor.at++;
  return token;
}

function accept(cursor: Cursor, kind: TokenKind): boolean {
  if (peek(cursor).kind !== kind) return false;
  cursor.at++;
  return true;
}
