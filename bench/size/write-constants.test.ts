import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sizeConstants } from '../../src/size/constants.ts';
import { replaceConstants } from './write-constants.ts';

const source = readFileSync('src/size/constants.ts', 'utf8');

describe('replaceConstants', () => {
  it('changes nothing when the figures are the same', () => {
    expect(replaceConstants(source, sizeConstants)).toBe(source);
  });

  it('changes the line of a figure that changed, and no other', () => {
    const changed = { ...sizeConstants, kernel: { ...sizeConstants.kernel, perFlow: 12_345 } };
    const before = source.split('\n');
    const after = replaceConstants(source, changed).split('\n');
    expect(after.filter((line, at) => line !== before[at])).toEqual(['    perFlow: 12_345,']);
  });

  it('refuses a file without a place for them', () => {
    expect(() => replaceConstants('export {};\n', sizeConstants)).toThrow(/no line that begins/);
  });
});
