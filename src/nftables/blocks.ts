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
import type { Block, BlockBox, DispatchBlock, Dispatching, Dispatchings, OrderedRule } from './block.ts';
import { type Box, subtractBox } from './box.ts';
import { BoxLevels } from './box-levels.ts';
import { OverlapIndex } from './overlap-index.ts';
import { boxesOf, coverBoxes, coverOf, isTooManyBoxes, spelledVariants } from './rule-boxes.ts';
import type { Match } from './ruleset.ts';
import { fewestSelectors } from './selector-groups.ts';
import type { Variant } from './terms.ts';

/** A box is cut into at most this many pieces, around at most this many others. */
const maximumPieces = 24;
/** A list has at most so many dispatches; rules of others ask for their selectors one by one. */
const mostDispatches = 8;

interface OpenBlock {
  readonly level: number;
  readonly order: number;
  readonly condition: string;
  readonly alternatives: readonly (readonly Match[])[];
  readonly boxes: BlockBox[];
  readonly index: OverlapIndex<Box>;
}

interface Arrangement {
  readonly levels: BoxLevels;
  readonly open: Map<string, OpenBlock[]>;
  readonly done: Placed<Block>[];
  readonly dispatches: PlacedDispatch[];
  /** The last dispatched rule by condition and action, and then by its cover: many say the same of all addresses. */
  readonly alike: Map<string, Map<string, AlikeRule>>;
  order: number;
}

interface Placed<B> {
  readonly level: number;
  readonly order: number;
  readonly block: B;
}

/** Where it went, and how many boxes the levels held then. */
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
    levels: new BoxLevels(rules.some(({ action }) => action !== rules[0]?.action || action === 'Log')),
    open: new Map(),
    done: [],
    dispatches: [],
    alike: new Map(),
    order: 0,
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
      if (isTooManyBoxes(variant)) {
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
  const isAsBefore = last?.boxCount === state.levels.count;
  const minimum = isAsBefore ? last.placed.level : state.levels.firstFor(rule.action, boxes, condition);
  const placed = isAsBefore ? last.placed : dispatchAt(state, dispatching, minimum);
  placed.block.rules.push(rule);
  if (isAsBefore) return;
  if (last?.placed.level !== placed.level) {
    for (const box of boxes) state.levels.add(placed.level, rule.action, box, condition);
  }
  alike.set(text, { boxCount: state.levels.count, placed });
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

function placeBox(state: Arrangement, rule: OrderedRule, variant: Variant, condition: string, box: Box): void {
  const minimum = state.levels.firstFor(rule.action, [box], condition);
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
    state.levels.add(block.level, rule.action, box, block.condition);
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
  const level = state.levels.firstFor(rule.action, boxes, undefined);
  state.done.push({ level, order: state.order++, block: { kind: 'rule', rule, variants } });
  for (const box of boxes) state.levels.add(level, rule.action, box, '');
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
