/** docs/design/interop.md says what the scenarios prove, no more and no less; UPDATE=1 writes it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { matrixText } from './interop-doc.ts';

const file = new URL('../../../docs/design/interop.md', import.meta.url);
const marks = /(<!-- matrix -->\n)[\s\S]*?(\n<!-- end of matrix -->)/;

it('the document has the table of the scenarios', () => {
  const text = readFileSync(file, 'utf8');
  expect(text).toMatch(marks);
  const wanted = text.replace(marks, (_, begin: string, end: string) => begin + matrixText() + end);
  if (process.env['UPDATE']) writeFileSync(file, wanted);
  expect(process.env['UPDATE'] ? wanted : text).toBe(wanted);
});
