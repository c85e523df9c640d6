import { describe, expect, it } from 'vitest';
import { logPlaces, parseLogTag, printLogTag, tellOfLogRule } from './flow-log.ts';
import { printRule } from './print-rule.ts';
import { denyChains, type Place } from './stages.ts';

const places: readonly Place[] = [
  'untracked-in',
  'untracked-out',
  'prednat',
  'local-in',
  'local-out',
  'local-dnat',
  'forward-in',
  'forward-out',
];

describe('a denial', () => {
  it('is told of under a limit, and happens whatever the limit says', () => {
    const [deny, invalid] = denyChains('forward-in', 'drop');
    expect(deny?.rules.map(printRule)).toEqual([
      'limit rate 100/second burst 200 packets log prefix "causeway deny forward-in" group 100 snaplen 128',
      'counter drop',
    ]);
    expect(invalid?.rules.map(printRule)).toEqual([
      'limit rate 100/second burst 200 packets log prefix "causeway invalid forward-in" group 100 snaplen 128',
      'counter drop',
    ]);
  });

  it('rejects only where the kernel can', () => {
    const rejecting = places.filter((place) =>
      denyChains(place, 'reject').every(({ rules }) => rules.at(-1)?.outcome?.kind === 'reject'),
    );
    expect(rejecting).toEqual(['local-in', 'local-out', 'forward-in', 'forward-out']);
    for (const place of places) {
      for (const { rules } of denyChains(place, 'drop')) expect(rules.at(-1)?.outcome?.kind).toBe('drop');
    }
  });
});

describe('the tag of a message', () => {
  it('is read as it was written', () => {
    for (const place of logPlaces) {
      for (const word of ['deny', 'invalid', 'sample'] as const) {
        expect(parseLogTag(printLogTag({ word, place }))).toEqual({ word, place });
      }
    }
  });

  it.each([
    '',
    'calico-packet: ',
    'causeway deny forward-in: ',
    'causeway deny nowhere',
    'causeway allow forward-in',
    'causeway deny forward-in x',
  ])('is not %j', (prefix) => {
    expect(parseLogTag(prefix)).toBeUndefined();
  });
});

describe('a Log rule', () => {
  it.each([
    [undefined, 'limit rate 100/second burst 100 packets'],
    [{ count: 10, per: 'minute', burst: 7 }, 'limit rate 10/minute burst 7 packets'],
    [{ count: 10, per: 'hour', burst: 0 }, 'limit rate 10/hour burst 5 packets'],
  ] as const)('with the rate %j', (rate, text) => {
    const rule = printRule({ matches: [], statements: tellOfLogRule('calico-packet: ', rate) });
    expect(rule).toBe(`${text} log prefix "calico-packet: " group 100 snaplen 128`);
  });
});
