/**
 * Blocks of policy rules as nft rules: boxes become elements of verdict maps and the rules that look them up.
 *
 *   Block[] ─[compileBlocks]→ Rule[], VerdictMap[]
 *
 * Invariant: elements of one map never overlap. Objects that are not rules of the list itself go to the Draft.
 */
import { contentHash } from '../net/content-hash.ts';
import type { Block, BlockBox, DispatchBlock, OrderedRule, RuleAction } from './block.ts';
import { anyPort, anyProtocol, type Box, isSpanAny, type Span } from './box.ts';
import type { Draft } from './draft.ts';
import { tellOfLogRule } from './flow-log.ts';
import { printKey } from './keys.ts';
import { markBits } from './marks.ts';
import { commentText } from './names.ts';
import type { Field, FieldValue, Key, MapElement, Match, Rule, Verdict } from './ruleset.ts';
import { type Decision, decisionRule, type PlaceRules } from './stages.ts';
import type { Variant } from './terms.ts';
import { VersionedMap } from './versioned-map.ts';

/**
 * So few boxes in a chain that a dispatch leads to are a rule each: there may be thousands of such chains, and passing over
 * a few rules costs no more than a lookup.
 */
const mostPlainInside = 4;

/** So many rules after a dispatch are repeated in each of its chains. */
const mostRepeated = 4;

/** Compiles a dispatch under this name; `rest` is what each of its chains is to end with, undefined where it must come back. */
export type CompileDispatch = (
  block: DispatchBlock,
  name: string,
  rest: readonly Rule[] | undefined,
) => readonly Rule[];

/** The rules of one chain, and `tail` after them; its verdict maps are named after it. */
export function compileBlocks(
  draft: Draft,
  place: PlaceRules,
  chain: string,
  blocks: readonly Block[],
  tail: readonly Rule[],
  isInside: boolean,
  compileDispatch: CompileDispatch,
): readonly Rule[] {
  const mostPlain = isInside ? mostPlainInside : 1;
  const names = objectNames(chain, blocks, mostPlain);
  // From the end, since a dispatch needs to know what follows it.
  const parts: (readonly Rule[])[] = [tail];
  let restCount = tail.length;
  for (let i = blocks.length - 1; i >= 0; i--) {
    const [block, name] = [blocks[i], names[i]];
    if (!block || name === undefined) continue;
    const rest = (): readonly Rule[] | undefined => {
      // Who has a class finds all of the list in the chain that it leads to.
      if (block.kind === 'dispatch' && block.wide) return tail;
      return restCount > mostRepeated ? undefined : parts.toReversed().flat();
    };
    const rules =
      block.kind === 'dispatch'
        ? compileDispatch(block, name, rest())
        : compileBlock(draft, place, name, block, mostPlain);
    parts.push(rules);
    restCount += rules.length;
  }
  return parts.reverse().flat();
}

/** The name of each block's map or dispatch, numbered where they would be the same. */
function objectNames(chain: string, blocks: readonly Block[], mostPlain: number): readonly string[] {
  const occurrences = new Map<string, number>();
  return blocks.map((block) => {
    const stem = objectStem(chain, block, mostPlain);
    if (stem === undefined) return chain;
    const occurrence = (occurrences.get(stem) ?? 0) + 1;
    occurrences.set(stem, occurrence);
    return occurrence === 1 ? stem : `${stem}-${occurrence}`;
  });
}

function objectStem(chain: string, block: Block, mostPlain: number): string | undefined {
  switch (block.kind) {
    case 'dispatch':
      return `${chain}-${block.side === 'source' ? 'from' : 'to'}`;
    case 'boxes': {
      if (block.boxes.length <= mostPlain) return undefined;
      return `${chain}-${keyFields(block).map(fieldLetter).join('')}-${contentHash(block.condition).slice(0, 6)}`;
    }
    case 'rule':
      return undefined;
  }
}

function compileBlock(
  draft: Draft,
  place: PlaceRules,
  name: string,
  block: Exclude<Block, DispatchBlock>,
  mostPlain: number,
): readonly Rule[] {
  if (block.kind === 'rule') return compileWholeRule(draft, place, block.rule, block.variants);
  if (block.boxes.length <= mostPlain) return block.boxes.flatMap((box) => compileSingleBox(place, block, box));
  const fields = keyFields(block);
  const elements = VersionedMap.of(mapElements(draft, place, fields, block.boxes));
  draft.maps.set(name, { name, fields, isInterval: true, elements });
  return block.alternatives.map((matches) => {
    return { matches, statements: [], outcome: { kind: 'lookup', map: name, fields } };
  });
}

/** A verdict for a map element; what needs statements as well is a chain to go to. */
export function elementVerdict(draft: Draft, place: PlaceRules, action: Exclude<RuleAction, 'Log'>): Verdict {
  const decision = decisionFor(place, action);
  const { outcome, statements } = decision;
  const isPlain = outcome.kind !== 'reject' && outcome.kind !== 'lookup' && outcome.kind !== 'ct-state-lookup';
  if (statements.length === 0 && isPlain) return outcome;
  const name = `${place.place}-${action.toLowerCase()}`;
  draft.chains.set(name, { name, rules: [{ matches: [], statements, outcome }] });
  return { kind: 'goto', chain: name };
}

export function decisionFor(place: PlaceRules, action: Exclude<RuleAction, 'Log'>): Decision {
  switch (action) {
    case 'Allow':
      return place.allow;
    case 'Deny':
      return place.deny;
    case 'Pass':
      return place.pass;
  }
}

function compileSingleBox(
  place: PlaceRules,
  block: Extract<Block, { kind: 'boxes' }>,
  { box, action, origin }: BlockBox,
): readonly Rule[] {
  const variant: Variant = {
    sources: [box.source],
    destinations: [box.destination],
    protocols: [box.protocol],
    sourcePorts: [box.sourcePort],
    destinationPorts: [box.destinationPort],
    alternatives: block.alternatives,
  };
  return action === 'Log' ? [] : plainRules(decisionFor(place, action), variant, origin);
}

function compileWholeRule(
  draft: Draft,
  place: PlaceRules,
  rule: OrderedRule,
  variants: readonly Variant[],
): readonly Rule[] {
  if (rule.action !== 'Log') {
    const decision = decisionFor(place, rule.action);
    return variants.flatMap((variant) => plainRules(decision, variant, rule.origin));
  }
  const comment = commentText(rule.origin);
  const tell = tellOfLogRule(rule.logPrefix, draft.logRate);
  const ways = variants.flatMap(plainMatches);
  if (ways.length <= 1) {
    return ways.map((matches) => ({ matches, statements: [{ kind: 'counter' }, ...tell], comment }));
  }
  // A packet may meet the rule in several ways, and must be logged once.
  const mask = markBits.logged;
  return [
    { matches: [], statements: [{ kind: 'mark', clear: mask, set: 0 }] },
    ...ways.map((matches): Rule => {
      const notYet: Match = { kind: 'mark', mask, isSet: false };
      return {
        matches: [notYet, ...matches],
        statements: [{ kind: 'counter' }, { kind: 'mark', clear: 0, set: mask }, ...tell],
        comment,
      };
    }),
  ];
}

function plainRules(decision: Decision, variant: Variant, origin: string): readonly Rule[] {
  const comment = commentText(origin);
  return plainMatches(variant).map((matches) => decisionRule(decision, matches, comment));
}

/** Cheap and selective matches first; the lookups of the alternatives last. */
function plainMatches(variant: Variant): readonly (readonly Match[])[] {
  const matches: Match[] = [];
  for (const [side, prefixes] of [
    ['source', variant.sources],
    ['destination', variant.destinations],
  ] as const) {
    const [first] = prefixes;
    if (!first || first.length === 0) continue;
    matches.push({ kind: 'address', family: first.family, side, negated: false, in: { prefixes } });
  }
  const count = variant.protocols.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const all = anyProtocol.last - anyProtocol.first + 1;
  // Most rules name no protocol or one: only others are worth writing out.
  if (count < all) matches.push(protocolMatch(numbersIn(variant.protocols), all));
  for (const [side, ranges] of [
    ['source', variant.sourcePorts],
    ['destination', variant.destinationPorts],
  ] as const) {
    const [first] = ranges;
    if (first && !isSpanAny(first, anyPort)) matches.push({ kind: 'port', side, negated: false, ranges });
  }
  return variant.alternatives.map((alternative) => [...matches, ...alternative]);
}

/** The shorter of the two lists. */
function protocolMatch(protocols: readonly number[], all: number): Match {
  if (all - protocols.length >= protocols.length) return { kind: 'protocol', negated: false, protocols };
  const missing = numbersIn([anyProtocol]).filter((number) => !protocols.includes(number));
  return { kind: 'protocol', negated: true, protocols: missing };
}

function numbersIn(spans: readonly Span[]): readonly number[] {
  return spans.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
}

/** Only what some box limits is looked at; a port never without its protocol. */
function keyFields({ boxes }: Extract<Block, { kind: 'boxes' }>): readonly Field[] {
  const family = boxes[0]?.box.source.family ?? 4;
  const limits = (test: (box: Box) => boolean): boolean => boxes.some(({ box }) => test(box));
  const hasSourcePort = limits((box) => !isSpanAny(box.sourcePort, anyPort));
  const hasDestinationPort = limits((box) => !isSpanAny(box.destinationPort, anyPort));
  const fields: Field[] = [];
  if (limits((box) => box.source.length > 0)) fields.push({ kind: 'address', family, side: 'source' });
  if (limits((box) => box.destination.length > 0)) fields.push({ kind: 'address', family, side: 'destination' });
  if (hasSourcePort || hasDestinationPort || limits((box) => !isSpanAny(box.protocol, anyProtocol))) {
    fields.push({ kind: 'protocol' });
  }
  if (hasSourcePort) fields.push({ kind: 'port', side: 'source' });
  if (hasDestinationPort) fields.push({ kind: 'port', side: 'destination' });
  return fields;
}

function fieldLetter(field: Field): string {
  switch (field.kind) {
    case 'address':
      return `${field.side === 'source' ? 's' : 'd'}${field.family}`;
    case 'protocol':
      return 'p';
    case 'port':
      return field.side === 'source' ? 'q' : 't';
    case 'interface':
      return field.side === 'in' ? 'i' : 'o';
    case 'class':
      return 'c';
  }
}

function mapElements(
  draft: Draft,
  place: PlaceRules,
  fields: readonly Field[],
  boxes: readonly BlockBox[],
): Map<string, MapElement> {
  const elements = new Map<string, MapElement>();
  const letters = fields.map(fieldLetter).join('');
  const verdicts = new Map<RuleAction, Verdict>();
  for (const each of boxes) {
    const { action } = each;
    if (action === 'Log') continue;
    const verdict = verdicts.get(action) ?? elementVerdict(draft, place, action);
    verdicts.set(action, verdict);
    const { key, text, comment } = keyOf(each, fields, letters);
    elements.set(text, { key, verdict, comment });
  }
  return elements;
}

interface BoxKey {
  readonly letters: string;
  readonly key: Key;
  readonly text: string;
  readonly comment: string;
}

const boxKeys = new WeakMap<BlockBox, BoxKey>();

/** Places share it: what differs between them is the verdict. */
function keyOf(each: BlockBox, fields: readonly Field[], letters: string): BoxKey {
  const known = boxKeys.get(each);
  if (known?.letters === letters) return known;
  const key = fields.map((field) => keyValue(field, each.box));
  const made = { letters, key, text: printKey(key), comment: commentText(each.origin) };
  boxKeys.set(each, made);
  return made;
}

function keyValue(field: Field, box: Box): FieldValue {
  switch (field.kind) {
    case 'address':
      return { kind: 'prefix', prefix: box[field.side] };
    case 'protocol':
      return { kind: 'range', ...box.protocol };
    case 'port':
      return { kind: 'range', ...(field.side === 'source' ? box.sourcePort : box.destinationPort) };
    case 'interface':
    case 'class':
      throw new Error(`a box has no ${field.kind}`);
  }
}
