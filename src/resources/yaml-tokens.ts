/**
 * YAML text into tokens, left early where it is hopeless.
 *
 *   text ─[parse]→ CST tokens → documents
 *
 * Invariant: linear time for any text; what nests deeper than `maxDepth` is never built far beyond it.
 */
import { type CST, Lexer, Parser } from 'yaml';

export const maxDepth = 100;
export const tooDeepReason = `nesting is deeper than ${maxDepth} levels: no resource needs that`;
/** Of one object; all of them are kept until the object ends, whatever they are. */
const maxFields = 10_000;
/** Of one list: a List of as many resources must be readable. */
const maxItems = 250_000;

/** Whether the piece holds nothing, or if it is short its marker and comments at most; a file may have millions of those. */
export function isBlank(text: string): boolean {
  if (text.length > 1000) return text.trim() === '';
  const lines = text.replace(/^---/, '').split('\n');
  return lines.every((line) => /^[ \t\r]*(?:#.*)?$/.test(line));
}

/** Why a text is left. */
interface Refusal {
  readonly offset: number;
  readonly reason: string;
}

/** The tokens of a text. Returns early where a collection nests too deep or is too long: nothing later can mend that. */
export function* parseTokens(text: string): Generator<CST.Token, Refusal | undefined> {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    const { stack } = parser;
    // Below the document each open collection is one entry; a scalar may stand on top.
    if (stack.length > maxDepth + 3) return { offset: stack[maxDepth + 1]?.offset ?? 0, reason: tooDeepReason };
    const tooLong = whyTooLong(stack.at(-1)) ?? whyTooLong(stack.at(-2));
    if (tooLong) return tooLong;
  }
  yield* parser.end();
  return undefined;
}

function whyTooLong(token: CST.Token | undefined): Refusal | undefined {
  if (token === undefined || !('items' in token) || token.items.length <= maxFields) return undefined;
  const isObject =
    token.type === 'block-map' || (token.type === 'flow-collection' && token.start.type === 'flow-map-start');
  if (isObject)
    return { offset: token.offset, reason: `an object of more than ${maxFields} fields: no resource needs that` };
  if (token.items.length <= maxItems) return undefined;
  return { offset: token.offset, reason: `a list of more than ${maxItems} entries: split it into several files` };
}

/** Offset of the first token nested too deep. Walks with a list of its own, as recursion could exhaust the stack. */
export function deepOffset(token: CST.Token): number | undefined {
  const open: { readonly token: CST.Token; readonly depth: number }[] = [{ token, depth: 0 }];
  for (let entry = open.pop(); entry; entry = open.pop()) {
    if (entry.depth > maxDepth) return entry.token.offset;
    const depth = entry.depth + 1;
    if (entry.token.type === 'document') {
      if (entry.token.value) open.push({ token: entry.token.value, depth });
    } else if ('items' in entry.token) {
      for (const item of entry.token.items) {
        if (item.key && 'items' in item.key) open.push({ token: item.key, depth });
        if (item.value && 'items' in item.value) open.push({ token: item.value, depth });
      }
    }
  }
  return undefined;
}
