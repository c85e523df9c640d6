/**
 * YAML text into tokens, left early where it is hopeless.
 *
 *   text ─[parse]→ CST tokens → documents
 *
 * Invariant: linear time for any text; what nests deeper than `maxDepth` is never built far beyond it.
 */
import { type CST, Lexer, Parser } from 'yaml';

export const maxDepth = 100;

/** Whether the piece holds nothing, or if it is short its marker and comments at most; a file may have millions of those. */
export function isBlank(text: string): boolean {
  if (text.length > 1000) return text.trim() === '';
  const lines = text.replace(/^---/, '').split('\n');
  return lines.every((line) => /^[ \t\r]*(?:#.*)?$/.test(line));
}

/** The tokens of a text. Returns early, with the offset, where collections nest too deep: nothing later can mend that. */
export function* parseTokens(text: string): Generator<CST.Token, number | undefined> {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    // Below the document each open collection is one entry; a scalar may stand on top.
    if (parser.stack.length > maxDepth + 3) return parser.stack[maxDepth + 1]?.offset ?? 0;
  }
  yield* parser.end();
  return undefined;
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
