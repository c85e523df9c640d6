/**
 * Rules with selectors as two verdict maps from address to the rules that can match it.
 *
 *   DispatchBlock ─[compileDispatch]→ Rule[] that jump to the dispatch chain
 *
 *   list ─jump→ dispatch chain ─lookup, goto→ chain of the address's signature
 *
 * A host not in the first map goes on to the second, of prefixes; an address in neither goes on in the list, and so does one
 * whose chain decides nothing. Chains are named by the selectors they stand for: an edit of a rule changes chains in place, a
 * label that moves changes elements.
 * Invariant: a signature's chain has in order just the rules whose selector is in the signature. Besides the signatures that
 * occur there is always a chain for each selector alone, so that its first and last member move elements only.
 */
import type { SetId } from '../intent/policy/policy-intent.ts';
import type { Family } from '../net/address.ts';
import { contentHash } from '../net/content-hash.ts';
import { arrangeLinearBlocks, type Block, type DispatchBlock, type OrderedRule } from './blocks.ts';
import { dispatchElements, isTooMuch, neededSignatures } from './dispatch-elements.ts';
import type { DispatchPlan, Draft } from './draft.ts';
import { markBits } from './marks.ts';
import type { Dispatch, Field, Rule, Side } from './ruleset.ts';
import { readSignatures, type Signature, signatureIndexes } from './signatures.ts';
import type { Decision, PlaceRules } from './stages.ts';

/** Compiles one list of blocks under the name of its chain. */
export type CompileList = (place: PlaceRules, chain: string, blocks: readonly Block[]) => readonly Rule[];

/** Undefined where the block is to be compiled rule by rule. */
export function compileDispatch(
  draft: Draft,
  place: PlaceRules,
  name: string,
  block: DispatchBlock,
  compileList: CompileList,
): readonly Rule[] | undefined {
  const family = familyOf(block);
  const plan = planOf(draft, family, block);
  const ruleCounts = new Map(plan.setIds.map((id, i) => [id, plan.rulesOf[i]?.length ?? 0]));
  const note = (form: Dispatch['form']): void => {
    draft.dispatches.set(name, { name, family, ruleCounts, form });
  };
  if (plan.needed.length === 0) {
    note('empty');
    return [];
  }
  if (plan.isLinear) {
    note('linear');
    return undefined;
  }
  const inner: PlaceRules = { ...place, pass: passOut };
  const bySignature = new Map<Signature, string>();
  for (const signature of plan.needed) {
    const chain = signatureChainName(place, name, plan, signature);
    bySignature.set(signature, chain);
    draft.chains.set(chain, { name: chain, rules: compileList(inner, chain, signatureBlocks(plan, block, signature)) });
  }
  const { hosts, prefixes, uses } = dispatchElements(family, plan.signatures, bySignature);
  const fields: readonly Field[] = [{ kind: 'address', family, side: block.side }];
  const maps = [
    { name: `${name}-hosts`, fields, isInterval: false, isUncounted: true, elements: hosts },
    { name: `${name}-prefixes`, fields, isInterval: true, isUncounted: true, elements: prefixes },
  ] as const;
  for (const map of maps) draft.maps.set(map.name, map);
  const lookups = maps.map((map): Rule => {
    return { matches: [], statements: [], outcome: { kind: 'lookup', map: map.name, fields } };
  });
  draft.chains.set(name, { name, rules: lookups });
  note({ hosts: maps[0].name, prefixes: maps[1].name, bySignature, uses });
  return jumpRules(place, name, block);
}

const passOut: Decision = {
  statements: [{ kind: 'mark', clear: 0, set: markBits.passed }],
  outcome: { kind: 'return' },
};

/** A decision that only returns from its chain must end the list as well; a mark tells it from no decision. */
function jumpRules(place: PlaceRules, chain: string, { rules }: DispatchBlock): readonly Rule[] {
  const canPass = rules.some(({ action }) => action === 'Pass');
  const canReturnAllow = place.allowReturns && rules.some(({ action }) => action === 'Allow');
  const mask = (canPass ? markBits.passed : 0) | (canReturnAllow ? markBits.accept : 0);
  const jump: Rule = { matches: [], statements: [], outcome: { kind: 'jump', chain } };
  return [
    ...(canPass
      ? [{ matches: [], statements: [{ kind: 'mark', clear: markBits.passed, set: 0 }] } satisfies Rule]
      : []),
    jump,
    ...(mask === 0
      ? []
      : [
          {
            matches: [{ kind: 'mark', mask, isSet: true }],
            statements: [],
            outcome: { kind: 'return' },
          } satisfies Rule,
        ]),
  ];
}

function familyOf({ rules }: DispatchBlock): Family {
  return rules[0]?.variants[0]?.sources[0]?.family ?? 4;
}

function planOf(draft: Draft, family: Family, block: DispatchBlock): DispatchPlan {
  const known = draft.plans.get(block);
  if (known) return known;
  const positions = new Map<SetId, number[]>();
  for (const [position, { selectors }] of block.rules.entries()) {
    const id = selectors?.[block.side];
    if (id === undefined) throw new Error('a rule without selector in a dispatch');
    const list = positions.get(id);
    if (list) list.push(position);
    else positions.set(id, [position]);
  }
  const setIds = [...positions.keys()].sort();
  const rulesOf = setIds.map((id) => positions.get(id) ?? []);
  const sets = setIds.map((id) => draft.addressSets.get(id));
  const signatures = readSignatures(family, sets);
  const needed = neededSignatures(signatures, setIds.length);
  const ruleCounts = rulesOf.map((list) => list.length);
  const isLinear = isTooMuch(needed, ruleCounts);
  const plan = { setIds, rulesOf, signatures, needed, isLinear, arranged: new Map<Signature, readonly Block[]>() };
  draft.plans.set(block, plan);
  return plan;
}

function signatureBlocks(plan: DispatchPlan, block: DispatchBlock, signature: Signature): readonly Block[] {
  const known = plan.arranged.get(signature);
  if (known) return known;
  const positions = signatureIndexes(signature).flatMap((index) => plan.rulesOf[index] ?? []);
  const rules = positions
    .sort((a, b) => a - b)
    .flatMap((position): OrderedRule[] => {
      const rule = block.rules[position];
      return rule ? [withoutSelector(rule, block.side)] : [];
    });
  const blocks = arrangeLinearBlocks(rules);
  plan.arranged.set(signature, blocks);
  return blocks;
}

function withoutSelector(rule: OrderedRule, side: Side): OrderedRule {
  const other = side === 'source' ? 'destination' : 'source';
  const left = rule.selectors?.[other];
  const { selectors: _, ...rest } = rule;
  return left === undefined ? rest : { ...rest, selectors: { [other]: left } };
}

/** Longer stems would outgrow names of maps inside: the dispatch is in the hash. */
function signatureChainName(place: PlaceRules, dispatch: string, plan: DispatchPlan, signature: Signature): string {
  const ids = signatureIndexes(signature).map((index) => plan.setIds[index] ?? '');
  return `${place.place}-sig-${contentHash([dispatch, ...ids].join('\n')).slice(0, 16)}`;
}
