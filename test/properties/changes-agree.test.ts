/**
 * Resources that come, change and go, in any order, end in the same ruleset as building from nothing: as the agent does it,
 * with an intent and a compiler that live on.
 *
 *   changes ─[updateSnapshot]→ Snapshot ─[IntentResolver]→ PolicyIntent, deltas ─[RulesetCompiler]→ Ruleset
 *
 * CAUSEWAY_PROPERTY_RUNS sets how many networks are tried, CAUSEWAY_PROPERTY_SEED where the search begins.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { IntentResolver } from '../../src/intent/intent-resolver.ts';
import { resolveIntent } from '../../src/intent/resolve-intent.ts';
import { compileRuleset } from '../../src/nftables/compile.ts';
import { printRuleset } from '../../src/nftables/print.ts';
import { RulesetCompiler } from '../../src/nftables/ruleset-compiler.ts';
import { parseFile } from '../../src/resources/document.ts';
import { type AnyResource, resourceId } from '../../src/resources/resource.ts';
import { makeSnapshot, type ResourceChange, updateSnapshot } from '../../src/resources/snapshot.ts';
import { calicoNetworks, printManifests, routerNetworks } from './arbitrary-manifests.ts';
import type { Manifest } from './naive/manifest.ts';

const numRuns = Number(process.env['CAUSEWAY_PROPERTY_RUNS'] ?? 60);
const seed = Number(process.env['CAUSEWAY_PROPERTY_SEED'] ?? 20261125);

/** The machine itself stays; of everything else there are two versions, in two networks. */
const isMachine = ({ kind, metadata }: AnyResource): boolean =>
  (kind === 'Node' || kind === 'Router') && metadata.name === 'r1';

function read(manifests: readonly Manifest[]): readonly AnyResource[] {
  const { resources, errors } = parseFile({ path: 'network.yaml', text: printManifests(manifests) });
  expect(errors).toEqual([]);
  return resources.map(({ resource }) => resource);
}

function scratch(resources: Iterable<AnyResource>): string {
  const intent = resolveIntent(makeSnapshot([...resources]), 'r1');
  if (!intent.ok) throw new Error('no router');
  return printRuleset(compileRuleset(intent.value.policy));
}

/** One router that lives through all changes; the ruleset after each step. */
function openRouter(machine: readonly AnyResource[]) {
  const resolver = new IntentResolver('r1');
  const compiler = new RulesetCompiler();
  const there = new Map(machine.map((resource) => [resourceId(resource), resource]));
  let snapshot = makeSnapshot(machine);
  return {
    there,
    step(resources: readonly AnyResource[], isGone: readonly boolean[]): string {
      const changes = resources.map((resource, i): ResourceChange => {
        const { kind, metadata } = resource;
        if (!isGone[i]) return { is: 'there', resource };
        return { is: 'gone', kind, name: metadata.name, namespace: metadata.namespace };
      });
      resources.forEach((resource, i) => {
        if (isGone[i]) there.delete(resourceId(resource));
        else there.set(resourceId(resource), resource);
      });
      snapshot = updateSnapshot(snapshot, changes, (snapshot.revision ?? 0) + 1);
      const resolved = resolver.update(snapshot);
      if (!resolved.ok) throw new Error('no router');
      return printRuleset(compiler.update(resolved.value.intent.policy, resolved.value.deltas));
    },
  };
}

const numbers = fc.array(fc.record({ which: fc.nat(10_000), isGone: fc.boolean() }), { minLength: 1, maxLength: 3 });

it.each([
  ['a Calico Node alone', calicoNetworks],
  ['a Router', routerNetworks],
])(
  'whatever comes and goes, in whatever order: %s',
  (_, networks) => {
    let differing = 0;
    const walks = fc.array(numbers, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(networks, networks, walks, fc.integer(), (one, other, walk, order) => {
        const machine = read(one).filter(isMachine);
        const rest = [...read(one), ...read(other)].filter((resource) => !isMachine(resource));
        if (rest.length === 0) return;
        const router = openRouter(machine);
        const texts = new Set<string>();
        for (const step of walk) {
          const chosen = step.map(({ which, isGone }) => ({ resource: rest[which % rest.length], isGone }));
          const distinct = chosen.filter(
            ({ resource }, i) =>
              resource && chosen.findIndex((each) => each.resource?.metadata === resource.metadata) === i,
          );
          const resources = distinct.flatMap(({ resource }) => resource ?? []);
          texts.add(
            router.step(
              resources,
              distinct.map(({ isGone }) => isGone),
            ),
          );
        }
        // Then everything of the second network, in an order of its own, and what is not of it goes.
        const wanted = shuffled(read(other), order).filter((resource) => !isMachine(resource));
        const ids = new Set(wanted.map(resourceId));
        const surplus = shuffled([...router.there.values()], order).filter(
          (resource) => !isMachine(resource) && !ids.has(resourceId(resource)),
        );
        const last = shuffled(
          [
            ...wanted.map((resource) => ({ resource, isGone: false })),
            ...surplus.map((resource) => ({ resource, isGone: true })),
          ],
          order + 1,
        );
        let text = '';
        for (const { resource, isGone } of last) {
          text = router.step([resource], [isGone]);
          texts.add(text);
        }
        if (last.length === 0) return;
        expect(text).toBe(scratch(router.there.values()));
        differing += texts.size;
      }),
      { seed, numRuns },
    );
    expect(differing).toBeGreaterThan(numRuns * 3);
  },
  60_000 + numRuns * 500,
);

/** In an order that the number alone decides. */
function shuffled<T>(list: readonly T[], order: number): T[] {
  const keyed = list.map((value, i) => ({ value, key: Math.imul(i + 1, order | 1) >>> 0 }));
  return keyed.sort((a, b) => a.key - b.key).map(({ value }) => value);
}
