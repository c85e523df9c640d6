import { describe, expect, it } from 'vitest';
import { kinds } from '../resources/kinds.ts';
import { columnsFor } from './columns.ts';
import { customColumns } from './custom-columns.ts';
import { printTable } from './table.ts';

describe('printTable', () => {
  const columns = [
    { title: 'NAME', cell: (row: string) => row },
    { title: 'LAST', cell: () => 'x' },
  ];

  it.each([
    ['only a heading for no rows', [], 'NAME   LAST\n'],
    ['columns as wide as their widest cell', ['a', 'longer'], 'NAME     LAST\na        x\nlonger   x\n'],
    ['control characters as spaces', ['a\nb\u001b[1m\t'], 'NAME       LAST\na b [1m    x\n'],
    ['characters of two units as one', ['\u{1f600}', 'abcdef'], 'NAME     LAST\n\u{1f600}        x\nabcdef   x\n'],
  ])('prints %s', (_, rows, text) => {
    expect(printTable(columns, rows)).toBe(text);
  });

  it('prints no space at the end of a line', () => {
    expect(
      printTable(
        [
          { title: 'A', cell: () => '' },
          { title: 'B', cell: () => '' },
        ],
        [1],
      ),
    ).toBe('A   B\n\n');
  });
});

describe('columnsFor', () => {
  it.each(kinds.map(({ kind }) => kind))('%s: its own table, wider when wide, namespace first when asked', (kind) => {
    const titles = (wide: boolean, namespace: boolean) =>
      columnsFor(kind, { defaultAs: '64512' }, { wide, namespace }).map(({ title }) => title);
    const table = titles(false, false);
    expect(table.length).toBeGreaterThan(0);
    expect(new Set(titles(true, false)).size).toBe(titles(true, false).length);
    expect(titles(true, false).length).toBeGreaterThanOrEqual(table.length);
    expect(titles(false, true)).toEqual(['NAMESPACE', ...table]);
  });
});

describe('customColumns', () => {
  const resource = {
    apiVersion: 'causeway.dev/v1',
    kind: 'Site',
    metadata: { name: 'dc', labels: { a: 'b' } },
    spec: { type: 'datacenter', prefixes: ['10.0.0.0/8', '2001:db8::/32'] },
  } as const;

  it.each([
    ['custom-columns=NAME', 'NAME\ndc\n'],
    ['custom-columns=name,.spec.type', 'NAME   SPEC.TYPE\ndc     datacenter\n'],
    ['custom-columns=P:spec.prefixes', 'P\n10.0.0.0/8,2001:db8::/32\n'],
    [
      'custom-columns=labels,spec.nope,spec.constructor',
      'LABELS      SPEC.NOPE   SPEC.CONSTRUCTOR\n{"a":"b"}   <none>      <none>\n',
    ],
  ])('%s', (format, text) => {
    expect(printTable(customColumns(format), [resource])).toBe(text);
  });
});
