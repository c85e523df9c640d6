/**
 * Blocks and names in BIRD's text.
 *
 *   print, print-filter → [layout] → lines
 */
import { isSymbol } from './quote.ts';

/** A block with its lines indented; lines that are blocks keep their shape. */
export function block(head: string, lines: readonly string[]): string {
  const indented = lines.flatMap((line) => line.split('\n')).map((line) => `  ${line}`);
  return [`${head} {`, ...indented, '}'].join('\n');
}

/** A name that may stand bare in BIRD's text; anything else is a bug of the compiler and throws. */
export function symbol(name: string): string {
  if (!isSymbol(name)) throw new Error(`not a BIRD symbol: ${JSON.stringify(name)}`);
  return name;
}
