import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { indexLines, splitDocuments } from './text-lines.ts';

describe('the pieces of a YAML stream', () => {
  it.each<[string, string, string[]]>([
    ['one document', 'a: 1\n', ['a: 1\n']],
    ['a marker first', '---\na: 1\n', ['---\na: 1\n']],
    ['two documents', 'a: 1\n---\nb: 2\n', ['a: 1\n', '---\nb: 2\n']],
    ['directives and comments before a marker', '# x\n%YAML 1.2\n\n---\na: 1\n', ['# x\n%YAML 1.2\n\n---\na: 1\n']],
    ['text behind the marker', 'a\n--- b\n', ['a\n', '--- b\n']],
    ['dashes that are no marker', 'a:\n ---\n----\n-- -\n', ['a:\n ---\n----\n-- -\n']],
    ['Windows line ends', 'a\r\n---\r\nb', ['a\r\n', '---\r\nb']],
    ['markers alone', '---\n---\n', ['---\n', '---\n']],
  ])('%s', (_title, text, pieces) => {
    expect(splitDocuments(text).map((piece) => piece.text)).toEqual(pieces);
  });

  it('are together the text', () => {
    const parts = fc.array(fc.constantFrom('---', '\n', 'a', ' ', '%', '#', '\r\n', '-'), { maxLength: 40 });
    fc.assert(
      fc.property(parts, (chosen) => {
        const text = chosen.join('');
        const pieces = splitDocuments(text);
        expect(pieces.map((piece) => piece.text).join('')).toBe(text);
        for (const piece of pieces) expect(text.startsWith(piece.text, piece.offset)).toBe(true);
      }),
      { seed: 20_261_125, numRuns: 300 },
    );
  });
});

it.each([
  [0, 1, 1],
  [2, 1, 3],
  [3, 2, 1],
  [4, 3, 1],
  [5, 3, 2],
  [99, 3, 96],
])('offset %i of a text of three lines is %i:%i', (offset, line, column) => {
  expect(indexLines('ab\n\ncd')(offset)).toEqual({ line, column });
});
