/**
 * Lines of a text, and the pieces that YAML's document markers divide it into.
 *
 * Invariant: the pieces, one after another, are the text.
 */
export interface Place {
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

/** A function from offsets to lines and columns; logarithmic in the number of lines. */
export function indexLines(text: string): (offset: number) => Place {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}

export interface Piece {
  readonly offset: number;
  readonly text: string;
}

/**
 * Divides a YAML stream before each `---` that begins a line. Such a line starts a document wherever it stands (YAML 1.2.2
 * §9.1.2: it is forbidden inside a scalar), so reading pieces apart confines an unclosed quote or bracket to its document.
 * Directives stay with the document they precede.
 */
export function splitDocuments(text: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const { index } of text.matchAll(/^---(?=[ \t\r\n]|$)/gm)) {
    if (isPrologue(text, from, index)) continue;
    pieces.push({ offset: from, text: text.slice(from, index) });
    from = index;
  }
  pieces.push({ offset: from, text: text.slice(from) });
  return pieces;
}

/** Whether only directives, comments and blank lines stand there. */
function isPrologue(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; ) {
    const next = text.indexOf('\n', at);
    const end = next < 0 || next > to ? to : next;
    if (!/^\s*(?:[%#].*)?$/.test(text.slice(at, Math.min(end, at + 200)))) return false;
    at = end + 1;
  }
  return true;
}
