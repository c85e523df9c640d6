import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { prefix } from '../net/literals.fixture.ts';
import { containsAddress, networkAddress } from '../net/prefix.ts';
import type { Block, BlockBox, OrderedRule } from './block.ts';
import { arrangeBlocks } from './blocks.ts';
import { anyPort, anyProtocol, type Box, boxesOverlap, everyAddress, type Span, subtractBox } from './box.ts';
import { OverlapIndex } from './overlap-index.ts';
import type { Match } from './ruleset.ts';

const point = (value: number): Span => ({ first: value, last: value });

/** A small world in which boxes meet often. */
const nets = [
  '0.0.0.0/0',
  '10.0.0.0/8',
  '10.0.0.0/9',
  '10.128.0.0/9',
  '10.1.0.0/16',
  '10.1.2.3/32',
  '192.0.2.0/24',
].map(prefix);
const span = (values: readonly number[], any: Span): fc.Arbitrary<Span> =>
  fc.oneof(
    fc.constant(any),
    fc
      .tuple(fc.constantFrom(...values), fc.constantFrom(...values))
      .map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
  );
const boxes: fc.Arbitrary<Box> = fc.record({
  source: fc.constantFrom(...nets),
  destination: fc.constantFrom(...nets),
  protocol: fc.constantFrom(anyProtocol, point(6), point(17)),
  sourcePort: fc.constant(anyPort),
  destinationPort: span([1, 22, 80, 443], anyPort),
});
const points: readonly Box[] = nets.flatMap((source) =>
  nets.flatMap((destination) =>
    [6, 17].flatMap((protocol) =>
      [1, 21, 22, 80, 443].map((port) => ({
        source: { ...networkAddress(source), length: 32 },
        destination: { ...networkAddress(destination), length: 32 },
        protocol: point(protocol),
        sourcePort: point(1),
        destinationPort: point(port),
      })),
    ),
  ),
);
const holds = (box: Box, at: Box): boolean =>
  boxesOverlap(box, at) && containsAddress(box.source, networkAddress(at.source));

describe('subtracting a box', () => {
  it('leaves disjoint pieces that hold exactly the rest', () => {
    fc.assert(
      fc.property(boxes, boxes, (a, b) => {
        const pieces = subtractBox(a, b);
        for (const at of points) {
          expect(pieces.filter((piece) => holds(piece, at)).length).toBe(holds(a, at) && !holds(b, at) ? 1 : 0);
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});

describe('the overlap index', () => {
  it('finds what a comparison with every box finds', () => {
    fc.assert(
      fc.property(fc.array(boxes, { maxLength: 30 }), boxes, (list, wanted) => {
        const index = new OverlapIndex<number>();
        for (const [i, box] of list.entries()) index.add(box, i);
        const found: number[] = [];
        index.visit(wanted, (i) => {
          found.push(i);
          return false;
        });
        const expected = list.flatMap((box, i) => (boxesOverlap(box, wanted) ? [i] : []));
        expect(found.sort((a, b) => a - b)).toEqual(expected);
      }),
      { seed: 2, numRuns: 300 },
    );
  });
});

const selector: Match = { kind: 'address', family: 4, side: 'source', negated: false, in: { set: 's4h-web' } };

function ordered(action: OrderedRule['action'], box: Box, origin: string, matches: readonly Match[] = []): OrderedRule {
  const variant = {
    sources: [box.source],
    destinations: [box.destination],
    protocols: [box.protocol],
    sourcePorts: [box.sourcePort],
    destinationPorts: [box.destinationPort],
    alternatives: [matches],
  };
  return { action, origin, logPrefix: '', variants: [variant] };
}

/** The first verdict for a packet at a point, inside the selector's set or outside; logs passed on the way. */
function firstVerdict(blocks: readonly Block[], at: Box, isSelected: boolean): string {
  let words = '';
  for (const block of blocks) {
    if (block.kind === 'rule') {
      const isMet = block.variants.some((variant) =>
        variant.sources.some((source) => holds({ ...at, ...boxOf(variant), source }, at)),
      );
      if (isMet && (isSelected || block.variants[0]?.alternatives[0]?.length === 0)) words += `${block.rule.action} `;
      continue;
    }
    if (block.kind === 'dispatch') throw new Error('nothing here has selectors to dispatch');
    if (!isSelected && block.alternatives[0]?.length !== 0) continue;
    const found: BlockBox[] = block.boxes.filter(({ box }) => holds(box, at));
    expect(found.length).toBeLessThanOrEqual(1);
    if (found[0]) return words + found[0].action;
  }
  return `${words}none`;
}

function boxOf(variant: OrderedRule['variants'][number]): Partial<Box> {
  return {
    destination: variant.destinations[0] ?? everyAddress(4),
    protocol: variant.protocols[0] ?? anyProtocol,
    destinationPort: variant.destinationPorts[0] ?? anyPort,
    sourcePort: anyPort,
  };
}

describe('blocks', () => {
  const actions = fc.constantFrom<OrderedRule['action'][]>('Allow', 'Allow', 'Deny', 'Pass', 'Log');
  const rule = fc.tuple(actions, boxes, fc.boolean());

  it('give the verdict that the rules give in order', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 25 }), (list) => {
        const { blocks } = arrangeBlocks(
          list.map(([action, box, isLimited], i) => ordered(action, box, `rule ${i}`, isLimited ? [selector] : [])),
        );
        for (const at of points) {
          for (const isSelected of [true, false]) {
            let expected = '';
            const met = list.filter(([, box, isLimited]) => holds(box, at) && (isSelected || !isLimited));
            for (const [action] of met) {
              expected += action === 'Log' ? 'Log ' : action;
              if (action !== 'Log') break;
            }
            if (!met.some(([action]) => action !== 'Log')) expected += 'none';
            expect(firstVerdict(blocks, at, isSelected)).toBe(expected);
          }
        }
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  const tcp = (source: string, port: number): Box => ({
    source: prefix(source),
    destination: everyAddress(4),
    protocol: point(6),
    sourcePort: anyPort,
    destinationPort: point(port),
  });
  const every: Box = { ...tcp('0.0.0.0/0', 1), protocol: anyProtocol, destinationPort: anyPort };

  it('are one for rules that no packet meets twice, whatever their verdicts', () => {
    const list = Array.from({ length: 500 }, (_, i) =>
      ordered(i % 2 ? 'Allow' : 'Deny', tcp(`10.${i % 250}.0.0/16`, i + 1), `rule ${i}`),
    );
    expect(arrangeBlocks(list).blocks).toHaveLength(1);
  });

  it('grow with the depth of exceptions and not with their number', () => {
    const list = Array.from({ length: 300 }, (_, i) => [
      ordered('Allow', tcp(`10.0.${i % 250}.0/24`, i + 1), `allow ${i}`),
      ordered('Deny', { ...every, source: prefix(`10.${i % 250}.0.0/16`), protocol: point(17) }, `deny ${i}`),
    ]).flat();
    expect(arrangeBlocks([...list, ordered('Deny', every, 'rest')]).blocks).toHaveLength(3);
  });

  it('leave out what earlier rules cover', () => {
    const [block] = arrangeBlocks([
      ordered('Allow', tcp('10.0.0.0/8', 80), 'wide'),
      ordered('Deny', tcp('10.1.0.0/16', 80), 'covered'),
    ]).blocks;
    expect(block?.kind === 'boxes' && block.boxes.map(({ origin }) => origin)).toEqual(['wide']);
  });

  it('split around an exception in the same map', () => {
    const list = [
      ordered('Deny', tcp('10.1.0.0/16', 80), 'exception'),
      ordered('Allow', tcp('10.0.0.0/8', 80), 'rest'),
    ];
    const { blocks } = arrangeBlocks(list);
    expect(blocks).toHaveLength(1);
    expect(blocks[0]?.kind === 'boxes' && blocks[0].boxes).toHaveLength(9);
  });
});
