/** Tables for people: columns as wide as their widest cell, colour only where asked for. */

export type Colour = 'green' | 'red' | 'yellow' | 'bold' | 'dim';

/** Paints text, or leaves it alone where colour is not wanted. */
export type Paint = (colour: Colour, text: string) => string;

const codes: Readonly<Record<Colour, number>> = { green: 32, red: 31, yellow: 33, bold: 1, dim: 2 };

export function createPaint(isColoured: boolean): Paint {
  return (colour, text) => (isColoured ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text);
}

/** Rows under a head. Cells may carry colour. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[], paint: Paint): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => visibleLength(row[column] ?? ''))),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - visibleLength(cell))))
      .join('  ')
      .trimEnd();
  return [paint('bold', line(head)), ...rows.map(line)].map((text) => `  ${text}`).join('\n');
}

/** `ok` or what is wrong, coloured. */
export function mark(passed: boolean, paint: Paint): string {
  return passed ? paint('green', 'ok') : paint('red', 'FAILED');
}

function visibleLength(text: string): number {
  return text.replace(/\u001b\[[0-9]+m/g, '').length;
}
