/**
 * Tables as calicoctl prints them: columns as wide as their widest cell, three spaces apart, no lines.
 *
 * Invariant: a cell is one line of printable characters, whatever it was given, so that a name or label from a resource
 * can neither break the table nor move the terminal's cursor.
 */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
}

/** The whole table with its heading and a final newline. */
export function printTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const lines = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ cell }) => printableLine(cell(row)))),
  ];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => width(line[at] ?? ''))));
  const printLine = (line: readonly string[]) =>
    line
      .map((cell, at) => cell + ' '.repeat((widths[at] ?? 0) - width(cell)))
      .join('   ')
      .trimEnd();
  return `${lines.map(printLine).join('\n')}\n`;
}

/** On one line, whatever a peer or a resource put into it: no text of theirs moves a terminal’s cursor. */
export function printableLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ');
}

/** Code points: close enough to columns for names and labels, which are ASCII. */
function width(text: string): number {
  return [...text].length;
}
