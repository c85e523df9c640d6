import { expect, it } from 'vitest';
import { parseDurationSeconds } from './duration.ts';

it.each([
  ['90s', 90],
  ['2m', 120],
  ['1h1m1s', 3661],
  ['1.5m', 90],
  ['1500ms', 2],
  ['0', 0],
  ['', undefined],
  ['90', undefined],
  ['s', undefined],
  ['1s junk', undefined],
  ['-1s', undefined],
  [undefined, undefined],
])('%j is %j seconds', (text, seconds) => {
  expect(parseDurationSeconds(text)).toBe(seconds);
});
