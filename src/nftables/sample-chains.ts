/**
 * A sample of the packets that staged policy would judge, told before enforced policy judges them.
 *
 *   chains of a place ─[addSamples]→ the same, behind a chain that tells first where an endpoint's tiers would be others
 *
 * Invariant: what becomes of a packet is the same with and without; without staged policy nothing of this is there.
 */
import type { Direction, EndpointIntent, PolicyIntent, Stage } from '../intent/policy/policy-intent.ts';
import type { Draft } from './draft.ts';
import { sampleRule } from './flow-log.ts';
import { objectName } from './names.ts';
import type { Rule } from './ruleset.ts';
import type { Place } from './stages.ts';

export interface SamplePoint {
  readonly place: Place;
  readonly stage: Stage;
  readonly direction: Direction;
}

export function addSamples(
  draft: Draft,
  { endpoints }: Pick<PolicyIntent, 'endpoints'>,
  { place, stage, direction }: SamplePoint,
  enforced: ReadonlyMap<EndpointIntent, string>,
): ReadonlyMap<EndpointIntent, string> {
  const isSampled = ({ stagedIn = [] }: EndpointIntent): boolean =>
    stagedIn.some((point) => point.stage === stage && point.direction === direction);
  if (!endpoints.some(isSampled)) return enforced;
  const chains = new Map<EndpointIntent, string>();
  for (const endpoint of endpoints) {
    const chain = enforced.get(endpoint);
    if (!isSampled(endpoint)) {
      if (chain !== undefined) chains.set(endpoint, chain);
      continue;
    }
    const name = objectName(`${place}-sample`, endpoint.name, endpoint.name);
    const goOn: readonly Rule[] =
      chain === undefined ? [] : [{ matches: [], statements: [], outcome: { kind: 'goto', chain } }];
    draft.chains.set(name, { name, rules: [sampleRule(place), ...goOn] });
    chains.set(endpoint, name);
  }
  return chains;
}
