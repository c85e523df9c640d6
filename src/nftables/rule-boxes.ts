/**
 * The boxes of one rule, exact where they are few and otherwise around it.
 *
 *   OrderedRule → Variant[] ─[boxesOf]→ boxes with their conditions → blocks
 *                           └[coverBoxes, coverOf]→ boxes around all that it may meet → levels
 *
 * Invariants: what a rule may meet lies in its cover. What is computed here is the very same object each time, since a list of
 * many rules is arranged again for one that changed.
 */
import { printPrefix } from '../net/prefix.ts';
import type { OrderedRule } from './block.ts';
import { anyPort, type Box, isSpanAny, type Span } from './box.ts';
import { spellSelectors, type Variant } from './terms.ts';

/** A variant with more boxes than this stays one plain rule with sets. */
const maximumBoxes = 256;

export interface ConditionedBox {
  readonly box: Box;
  readonly condition: string;
}

export interface Cover {
  readonly boxes: readonly Box[];
  /** Equal for equal boxes. */
  readonly text: string;
}

const spelled = new WeakMap<OrderedRule, readonly Variant[]>();

/** With selectors as terms. */
export function spelledVariants(rule: OrderedRule): readonly Variant[] {
  const { selectors, variants } = rule;
  if (selectors?.source === undefined && selectors?.destination === undefined) return variants;
  const known = spelled.get(rule) ?? variants.map((variant) => spellSelectors(variant, selectors));
  spelled.set(rule, known);
  return known;
}

export function isTooManyBoxes(variant: Variant): boolean {
  return countBoxes(variant) > maximumBoxes;
}

const boxLists = new WeakMap<Variant, readonly ConditionedBox[]>();

export function boxesOf(variant: Variant): readonly ConditionedBox[] {
  const known = boxLists.get(variant);
  if (known) return known;
  const matches = matchesText(variant);
  const list = listBoxes(variant).map((box) => ({ box, condition: `${portsText(box)} ${matches}` }));
  boxLists.set(variant, list);
  return list;
}

const covers = new WeakMap<OrderedRule, Cover>();

/** Without its selectors. */
export function coverOf(rule: OrderedRule): Cover {
  const known = covers.get(rule);
  if (known) return known;
  const boxes = rule.variants.flatMap((variant) => {
    return isTooManyBoxes(variant) ? coverBoxes(variant) : boxesOf(variant).map(({ box }) => box);
  });
  const cover = { boxes, text: boxes.map(boxText).join(' ') };
  covers.set(rule, cover);
  return cover;
}

function boxText({ source, destination, protocol, sourcePort, destinationPort }: Box): string {
  const spans = [protocol, sourcePort, destinationPort].map(({ first, last }) => `${first}-${last}`);
  return `${source.bits}/${source.length} ${destination.bits}/${destination.length} ${spans.join(' ')}`;
}

/**
 * Boxes share a block only under equal matches, and only if they limit the same ports: a lookup that reads a port finds
 * nothing for a packet that has none, so a rule for all protocols must not depend on one.
 */
function portsText(box: Box): string {
  return `${isSpanAny(box.sourcePort, anyPort) ? '' : 'q'}${isSpanAny(box.destinationPort, anyPort) ? '' : 't'}`;
}

function matchesText({ alternatives }: Variant): string {
  if (alternatives.length === 1 && alternatives[0]?.length === 0) return '';
  return JSON.stringify(alternatives, (key, value) => (key === 'prefixes' ? value.map(printPrefix) : value));
}

function countBoxes(variant: Variant): number {
  const { sources, destinations, protocols, sourcePorts, destinationPorts } = variant;
  return sources.length * destinations.length * protocols.length * sourcePorts.length * destinationPorts.length;
}

function listBoxes(variant: Variant): readonly Box[] {
  return variant.sources.flatMap((source) =>
    variant.destinations.flatMap((destination) =>
      variant.protocols.flatMap((protocol) =>
        variant.sourcePorts.flatMap((sourcePort) =>
          variant.destinationPorts.map((destinationPort) => {
            return { source, destination, protocol, sourcePort, destinationPort };
          }),
        ),
      ),
    ),
  );
}

/** Few boxes around the variant: enough to know what it may overlap. */
export function coverBoxes(variant: Variant): readonly Box[] {
  let cover: Variant = { ...variant, sourcePorts: [hull(variant.sourcePorts)] };
  if (isTooManyBoxes(cover)) cover = { ...cover, destinationPorts: [hull(variant.destinationPorts)] };
  if (isTooManyBoxes(cover)) cover = { ...cover, protocols: [hull(variant.protocols)] };
  if (isTooManyBoxes(cover)) {
    const widest = variant.destinations.map((prefix) => ({ ...prefix, bits: 0n, length: 0 })).slice(0, 1);
    cover = { ...cover, destinations: widest };
  }
  return listBoxes(cover);
}

function hull(spans: readonly Span[]): Span {
  const first = Math.min(...spans.map((span) => span.first));
  return { first, last: Math.max(...spans.map((span) => span.last)) };
}
