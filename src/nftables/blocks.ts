/**
 * Ordered rules as few blocks, each of which the kernel can answer with one lookup.
 *
 *   expanded rules ─[arrangeBlocks]→ Block[] → chain rules and verdict maps
 *
 * First match must win. Two rules that no packet can meet both, or that say the same, may change places; so every box goes
 * to the first block of its condition that stands behind all earlier boxes it overlaps and differs from. Inside a block
 * boxes never overlap: what an earlier one covers is cut off a later one, unless that would take too many pieces, and then
 * the later one goes to a later block. The number of blocks so depends on how deep exceptions nest and on how many different
 * selectors there are, not on how many rules.
 *
 * Invariant: evaluating the blocks in order, and in each the one box that holds the packet, gives the verdict that the
 * rules give in theirs. (Where two rules with one verdict overlap, the block may name the later.)
 */
import { printPrefix } from '../net/prefix.ts';
import { anyPort, type Box, isSpanAny, type Span, subtractBox } from './box.ts';
import { OverlapIndex } from './overlap-index.ts';
import type { Match, Side } from './ruleset.ts';
import { fewestSelectors } from './selector-groups.ts';
import { type Selectors, spellSelectors, type Variant } from './terms.ts';

export type RuleAction = 'Allow' | 'Deny' | 'Pass' | 'Log';

const actions: readonly RuleAction[] = ['Allow', 'Deny', 'Pass', 'Log'];

export interface OrderedRule {
  readonly action: RuleAction;
  /** For comments: where the rule came from. */
  readonly origin: string;
  /** For log prefixes. */
  readonly logPrefix: string;
  readonly variants: readonly Variant[];
  readonly selectors?: Selectors;
}

export interface BlockBox {
  readonly box: Box;
  readonly action: RuleAction;
  readonly origin: string;
}

export type Block =
  /** Disjoint boxes under the same condition: one verdict map, or a plain rule if there is only one. */
  | {
      readonly kind: 'boxes';
      /** Stands for the condition and for the kind of ports the boxes limit. */
      readonly condition: string;
      readonly alternatives: readonly (readonly Match[])[];
      readonly boxes: readonly BlockBox[];
    }
  /** Rules in order, each with a selector on this side: asked by address. */
  | DispatchBlock
  /** A rule that goes on to the next one, or whose product of terms is too large to spell out. */
  | { readonly kind: 'rule'; readonly rule: OrderedRule; readonly variants: readonly Variant[] };

export interface DispatchBlock extends Dispatching {
  readonly kind: 'dispatch';
  readonly rules: readonly OrderedRule[];
  /**
   * Present where it has all of the rest of the list, with these rules that do not select on its side: they stand in every
   * chain, and follow once more for addresses that it leads nowhere.
   */
  readonly wide?: ReadonlySet<OrderedRule>;
}

/** By which address a rule is dispatched, and together with which other selectors. */
export interface Dispatching {
  readonly side: Side;
  readonly group: number;
}

export type Dispatchings = ReadonlyMap<OrderedRule, Dispatching>;

/** A variant with more boxes than this stays one plain rule with sets. */
const maximumBoxes = 256;
/** A box is cut into at most this many pieces, around at most this many others. */
const maximumPieces = 24;
/** A list has at most so many dispatches; rules of others ask for their selectors one by one. */
const mostDispatches = 8;
/** How many levels back a rule may move ahead of others; bounds the work on rules that overlap without end. */
const levelsSearched = 48;

interface OpenBlock {
  readonly level: number;
  readonly order: number;
  readonly condition: string;
  readonly alternatives: readonly (readonly Match[])[];
  readonly boxes: BlockBox[];
  readonly index: OverlapIndex<Box>;
}

/** The boxes of a level by what their rules say; each with its condition. */
type LevelIndex = { readonly [A in RuleAction]: OverlapIndex<string> };

interface Arrangement {
  /** Whether rules say different things: otherwise any may overtake any, and levels need no index. */
  readonly isMixed: boolean;
  readonly levels: LevelIndex[];
  readonly open: Map<string, OpenBlock[]>;
  readonly done: Placed<Block>[];
  readonly dispatches: PlacedDispatch[];
  /** The last dispatched rule by condition and action, and then by its cover: many say the same of all addresses. */
  readonly alike: Map<string, Map<string, AlikeRule>>;
  order: number;
  /** In the indexes of all levels. */
  boxCount: number;
}

interface Placed<B> {
  readonly level: number;
  readonly order: number;
  readonly block: B;
}

/** Where it went, and how many boxes were in the indexes then. */
interface AlikeRule {
  readonly boxCount: number;
  readonly placed: PlacedDispatch;
}

type PlacedDispatch = Placed<DispatchBlock & { readonly rules: OrderedRule[] }>;

export interface Arranged {
  readonly blocks: readonly Block[];
  /** Whether rules that are dispatched alike had to go into several dispatches, for what stands between them. */
  readonly isSplit: boolean;
}

/** Every selector is asked for by itself, but for those of rules that are dispatched. */
export function arrangeBlocks(rules: readonly OrderedRule[], dispatchings: Dispatchings = new Map()): Arranged {
  const state: Arrangement = {
    isMixed: rules.some(({ action }) => action !== rules[0]?.action || action === 'Log'),
    levels: [],
    open: new Map(),
    done: [],
    dispatches: [],
    alike: new Map(),
    order: 0,
    boxCount: 0,
  };
  for (const rule of rules) {
    const dispatching = dispatchings.get(rule);
    if (dispatching) {
      placeDispatched(state, rule, dispatching);
      continue;
    }
    const variants = spelledVariants(rule);
    if (rule.action === 'Log') {
      placeWholeRule(state, rule, variants);
      continue;
    }
    for (const variant of variants) {
      if (countBoxes(variant) > maximumBoxes) {
        placeWholeRule(state, rule, [variant]);
        continue;
      }
      for (const { box, condition } of boxesOf(variant)) placeBox(state, rule, variant, condition, box);
    }
  }
  const open = [...state.open.values()].flat().map(({ level, order, condition, alternatives, boxes }) => {
    return { level, order, block: { kind: 'boxes', condition, alternatives, boxes } as const };
  });
  const sorted = [...state.done, ...state.dispatches, ...open].sort((a, b) => a.level - b.level || a.order - b.order);
  const dispatches = state.dispatches.map(({ block }) => block);
  const kept = new Set<Block>(keepDispatches(dispatches));
  const blocks = sorted.flatMap(({ block }): readonly Block[] => {
    return block.kind !== 'dispatch' || kept.has(block) ? [block] : arrangeBlocks(block.rules).blocks;
  });
  return { blocks, isSplit: new Set(dispatches.map(conditionOf)).size < dispatches.length };
}

/** Those with enough selectors; of too many, the ones with most rules. */
function keepDispatches(dispatches: readonly DispatchBlock[]): readonly DispatchBlock[] {
  return dispatches
    .filter(({ side, rules }) => new Set(rules.map(({ selectors }) => selectors?.[side])).size >= fewestSelectors)
    .sort((a, b) => b.rules.length - a.rules.length)
    .slice(0, mostDispatches);
}

function conditionOf({ side, group }: Dispatching): string {
  return `dispatch ${side} ${group}`;
}

/** To the first block of its side behind everything it may not overtake; in there, rules keep their order. */
function placeDispatched(state: Arrangement, rule: OrderedRule, dispatching: Dispatching): void {
  if (rule.variants.length === 0) return;
  const condition = conditionOf(dispatching);
  const { boxes, text } = coverOf(rule);
  const alike = alikeOf(state, `${condition} ${rule.action}`);
  // Thousands of rules say the same of all addresses, and nothing came in between.
  const last = alike.get(text);
  const isAsBefore = last?.boxCount === state.boxCount;
  const minimum = isAsBefore ? last.placed.level : firstLevel(state, rule.action, boxes, condition);
  const placed = isAsBefore ? last.placed : dispatchAt(state, dispatching, minimum);
  placed.block.rules.push(rule);
  if (isAsBefore) return;
  if (last?.placed.level !== placed.level) {
    for (const box of boxes) addToLevel(state, placed.level, rule.action, box, condition);
  }
  alike.set(text, { boxCount: state.boxCount, placed });
}

function alikeOf(state: Arrangement, saying: string): Map<string, AlikeRule> {
  const known = state.alike.get(saying) ?? new Map<string, AlikeRule>();
  state.alike.set(saying, known);
  return known;
}

function dispatchAt(state: Arrangement, { side, group }: Dispatching, minimum: number): PlacedDispatch {
  const known = state.dispatches.find(
    ({ level, block }) => block.side === side && block.group === group && level >= minimum,
  );
  if (known) return known;
  const block = { kind: 'dispatch', side, group, rules: [] } as const;
  const placed: PlacedDispatch = { level: minimum, order: state.order++, block: { ...block, rules: [] } };
  state.dispatches.push(placed);
  return placed;
}

const spelled = new WeakMap<OrderedRule, readonly Variant[]>();

/** With selectors as terms; the very same each time. */
function spelledVariants(rule: OrderedRule): readonly Variant[] {
  const { selectors, variants } = rule;
  if (selectors?.source === undefined && selectors?.destination === undefined) return variants;
  const known = spelled.get(rule) ?? variants.map((variant) => spellSelectors(variant, selectors));
  spelled.set(rule, known);
  return known;
}

interface ConditionedBox {
  readonly box: Box;
  readonly condition: string;
}

const boxLists = new WeakMap<Variant, readonly ConditionedBox[]>();

/** The very same each time: a list of many rules is arranged again for one that changed. */
function boxesOf(variant: Variant): readonly ConditionedBox[] {
  const known = boxLists.get(variant);
  if (known) return known;
  const matches = matchesText(variant);
  const list = listBoxes(variant).map((box) => ({ box, condition: `${portsText(box)} ${matches}` }));
  boxLists.set(variant, list);
  return list;
}

const covers = new WeakMap<OrderedRule, { readonly boxes: readonly Box[]; readonly text: string }>();

/** Boxes around all that the rule may meet, and as text: computed once, however often the rule is arranged. */
function coverOf(rule: OrderedRule): { readonly boxes: readonly Box[]; readonly text: string } {
  const known = covers.get(rule);
  if (known) return known;
  const boxes = rule.variants.flatMap((variant) => {
    return countBoxes(variant) > maximumBoxes ? coverBoxes(variant) : boxesOf(variant).map(({ box }) => box);
  });
  const cover = { boxes, text: boxes.map(boxText).join(' ') };
  covers.set(rule, cover);
  return cover;
}

function boxText({ source, destination, protocol, sourcePort, destinationPort }: Box): string {
  const spans = [protocol, sourcePort, destinationPort].map(({ first, last }) => `${first}-${last}`);
  return `${source.bits}/${source.length} ${destination.bits}/${destination.length} ${spans.join(' ')}`;
}

function placeBox(state: Arrangement, rule: OrderedRule, variant: Variant, condition: string, box: Box): void {
  const minimum = firstLevel(state, rule.action, [box], condition);
  const blocks = state.open.get(condition) ?? [];
  for (const block of blocks) {
    if (block.level < minimum) continue;
    const pieces = cutOverlaps(block, box);
    if (!pieces) continue;
    addBoxes(state, rule, block, pieces);
    return;
  }
  const last = blocks.at(-1);
  // Behind the last block of its condition, all of which it overlaps too much to be cut.
  const level = last && last.level >= minimum ? last.level + 1 : minimum;
  const { alternatives } = variant;
  const block = { level, order: state.order++, condition, alternatives, boxes: [], index: new OverlapIndex<Box>() };
  state.open.set(condition, [...blocks, block]);
  addBoxes(state, rule, block, [box]);
}

function addBoxes(state: Arrangement, rule: OrderedRule, block: OpenBlock, boxes: readonly Box[]): void {
  for (const box of boxes) {
    block.boxes.push(blockBoxOf(rule, box));
    block.index.add(box, box);
    addToLevel(state, block.level, rule.action, box, block.condition);
  }
}

const blockBoxes = new WeakMap<Box, BlockBox>();

/** Once for each box, since a box is of one rule; what is known of it elsewhere so lasts. */
function blockBoxOf({ action, origin }: OrderedRule, box: Box): BlockBox {
  const known = blockBoxes.get(box);
  if (known?.action === action && known.origin === origin) return known;
  const made = { box, action, origin };
  blockBoxes.set(box, made);
  return made;
}

function placeWholeRule(state: Arrangement, rule: OrderedRule, variants: readonly Variant[]): void {
  if (variants.length === 0) return;
  const boxes = variants.flatMap(coverBoxes);
  const level = firstLevel(state, rule.action, boxes, undefined);
  state.done.push({ level, order: state.order++, block: { kind: 'rule', rule, variants } });
  for (const box of boxes) addToLevel(state, level, rule.action, box, '');
}

/**
 * The first level behind everything that was placed before, overlaps one of the boxes and says something else. In the same
 * condition the same level will do, since what overlaps there is cut off.
 */
function firstLevel(
  state: Arrangement,
  action: RuleAction,
  boxes: readonly Box[],
  condition: string | undefined,
): number {
  const lowest = Math.max(0, state.levels.length - levelsSearched);
  for (let level = state.levels.length - 1; level >= lowest; level--) {
    const index = indexOfLevel(state, level);
    let isSameCondition = false;
    const isBlocked = actions.some(
      (other) =>
        other !== action &&
        boxes.some((box) =>
          index[other].visit(box, (placed) => {
            if (placed !== condition) return true;
            isSameCondition = true;
            return false;
          }),
        ),
    );
    if (isBlocked) return level + 1;
    if (isSameCondition) return level;
  }
  return lowest;
}

function addToLevel(state: Arrangement, level: number, action: RuleAction, box: Box, condition: string): void {
  if (!state.isMixed) return;
  indexOfLevel(state, level)[action].add(box, condition);
  state.boxCount++;
}

function indexOfLevel(state: Arrangement, level: number): LevelIndex {
  while (state.levels.length <= level) {
    state.levels.push({
      Allow: new OverlapIndex(),
      Deny: new OverlapIndex(),
      Pass: new OverlapIndex(),
      Log: new OverlapIndex(),
    });
  }
  return state.levels[level] as LevelIndex;
}

/** The box without what the block's boxes cover, or undefined when that takes too many pieces. */
function cutOverlaps(block: OpenBlock, box: Box): readonly Box[] | undefined {
  const overlapping: Box[] = [];
  if (block.index.visit(box, (other) => overlapping.push(other) > maximumPieces)) return undefined;
  let pieces: readonly Box[] = [box];
  for (const other of overlapping) {
    pieces = pieces.flatMap((piece) => subtractBox(piece, other));
    if (pieces.length > maximumPieces) return undefined;
  }
  return pieces;
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
function coverBoxes(variant: Variant): readonly Box[] {
  let cover: Variant = { ...variant, sourcePorts: [hull(variant.sourcePorts)] };
  if (countBoxes(cover) > maximumBoxes) cover = { ...cover, destinationPorts: [hull(variant.destinationPorts)] };
  if (countBoxes(cover) > maximumBoxes) cover = { ...cover, protocols: [hull(variant.protocols)] };
  if (countBoxes(cover) > maximumBoxes) {
    const widest = variant.destinations.map((prefix) => ({ ...prefix, bits: 0n, length: 0 })).slice(0, 1);
    cover = { ...cover, destinations: widest };
  }
  return listBoxes(cover);
}

function hull(spans: readonly Span[]): Span {
  const first = Math.min(...spans.map((span) => span.first));
  return { first, last: Math.max(...spans.map((span) => span.last)) };
}
