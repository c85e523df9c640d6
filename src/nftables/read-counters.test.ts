/** Counters of rules and map elements, by comment. */
import { describe, expect, it } from 'vitest';
import { readCounters } from './read-counters.ts';

const counter = (packets: number) => ({ counter: { packets, bytes: packets * 100 } });

describe('readCounters', () => {
  it('adds up what one rule counted in several places', () => {
    const text = JSON.stringify({
      nftables: [
        { metainfo: {} },
        { rule: { comment: 'GlobalNetworkPolicy/a ingress[0]', expr: [counter(2), { accept: null }] } },
        { rule: { expr: [counter(9)] } },
        {
          map: {
            elem: [
              [
                { elem: { val: '10.0.0.1', comment: 'GlobalNetworkPolicy/a ingress[0]', ...counter(3) } },
                { accept: null },
              ],
              [
                { elem: { val: '10.0.0.2', comment: 'GlobalNetworkPolicy/b egress[1]', ...counter(1) } },
                { drop: null },
              ],
              ['eth0', { jump: { target: 'x' } }],
            ],
          },
        },
      ],
    });
    expect(readCounters(text)).toEqual(
      new Map([
        ['GlobalNetworkPolicy/a ingress[0]', { packets: 5, bytes: 500 }],
        ['GlobalNetworkPolicy/b egress[1]', { packets: 1, bytes: 100 }],
      ]),
    );
  });

  it.each(['', '[]', '{"nftables": 3}', '{"nftables": [{"rule": {}}, {"map": {"elem": [[1]]}}]}'])(
    'reads nothing in %s',
    (text) => {
      expect(readCounters(text)).toEqual(new Map());
    },
  );
});
