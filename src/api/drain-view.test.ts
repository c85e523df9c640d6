/** What still passes a router, from two readings; and what an order to drain must look like. */
import { describe, expect, it } from 'vitest';
import { parseDrainOrder, trafficRates } from './drain-view.ts';

const reading = (forwarded: number, interfaces: Record<string, [number, number]> = {}) => ({
  forwarded,
  interfaces: new Map(Object.entries(interfaces).map(([name, [received, sent]]) => [name, { received, sent }])),
});

describe('traffic', () => {
  it.each([
    [reading(100), reading(150), 1000, 50],
    [reading(100), reading(150), 500, 100],
    [reading(100), reading(100), 1000, 0],
    // The host's counters began anew.
    [reading(100), reading(7), 1000, 7],
  ])('is counted by the second', (before, after, ms, packetsPerSecond) => {
    expect(trafficRates(before, after, ms)).toEqual({ packetsPerSecond, interfaces: [] });
  });

  it('names the busiest interfaces first, and leaves idle and new ones out', () => {
    const before = reading(0, { a: [0, 0], b: [10, 10], idle: [5, 5] });
    const after = reading(0, { a: [2, 1], b: [20, 30], idle: [5, 5], fresh: [9, 9] });
    expect(trafficRates(before, after, 1000).interfaces).toEqual([
      { name: 'b', received: 10, sent: 20 },
      { name: 'a', received: 2, sent: 1 },
    ]);
  });
});

describe('an order to drain', () => {
  it.each([
    [{ on: true }, { on: true, reason: '' }],
    [
      { on: false, reason: ' a\u001b[2J\nb ' },
      { on: false, reason: 'a [2J b' },
    ],
  ])('%j is understood', (body, order) => {
    expect(parseDrainOrder(body)).toEqual({ ok: true, value: order });
  });

  it.each([
    [undefined, 'the body must be'],
    [[], 'on: must be true or false'],
    [{ on: 'yes' }, 'on: must be true or false'],
    [{ on: true, reason: 7 }, 'reason: must be a text'],
    [{ on: true, reason: 'x'.repeat(201) }, 'reason: longer than 200'],
    [{ on: true, force: true }, 'force: there is no such field'],
  ])('%j is refused', (body, message) => {
    expect(parseDrainOrder(body)).toMatchObject({ ok: false, error: expect.stringContaining(message) });
  });
});
