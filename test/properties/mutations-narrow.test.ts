/**
 * What is not valid never widens access, and never stops anything.
 *
 * - A stored object that stops being valid counts as it last was: the ruleset is the very one of before.
 * - A stored object that is still valid counts as it now stands: the ruleset is that of building from what can be read.
 * - A rule with a term that cannot be told (a service nobody knows, a protocol that is none) opens nothing: every packet
 *   that is accepted would have been accepted without the term. One kind of packet is left out: of a flow that was accepted
 *   and tracked, where an untracked Allow would have taken it out of the flow to be judged anew (semantics §10.8).
 *
 * CAUSEWAY_PROPERTY_RUNS sets how many networks are tried, CAUSEWAY_PROPERTY_SEED where the search begins.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PolicyIntent } from '../../src/intent/policy/policy-intent.ts';
import { resolveIntent } from '../../src/intent/resolve-intent.ts';
import { compileRuleset } from '../../src/nftables/compile.ts';
import { printRuleset } from '../../src/nftables/print.ts';
import { parseFile } from '../../src/resources/document.ts';
import { type AnyResource, resourceId } from '../../src/resources/resource.ts';
import { makeSnapshot, type Snapshot } from '../../src/resources/snapshot.ts';
import { parseStored } from '../../src/resources/text.ts';
import { resourceKey } from '../../src/store/keys.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import { followSnapshots } from '../../src/store/snapshots.ts';
import { printStored } from '../../src/store/stored-object.ts';
import { explainPacket } from '../../src/verdict/explain-packet.ts';
import { aimPacket } from './aim-packet.ts';
import { packets, ways } from './arbitrary-manifest-packet.ts';
import { calicoNetworks, printManifests, routerNetworks } from './arbitrary-manifests.ts';
import type { Manifest, ManifestRule } from './naive/manifest.ts';
import { judge } from './naive/verdict.ts';
import { packetOf, passageOf } from './packet-of.ts';

const numRuns = Number(process.env['CAUSEWAY_PROPERTY_RUNS'] ?? 120);
const seed = Number(process.env['CAUSEWAY_PROPERTY_SEED'] ?? 20261125);
const networks = fc.oneof(calicoNetworks, routerNetworks);

function read(manifests: readonly Manifest[]): readonly AnyResource[] {
  return parseFile({ path: 'network.yaml', text: printManifests(manifests) }).resources.map(({ resource }) => resource);
}

function policyOf(snapshot: Snapshot): PolicyIntent | undefined {
  const intent = resolveIntent(snapshot, 'r1');
  return intent.ok ? intent.value.policy : undefined;
}

function rulesetOf(snapshot: Snapshot): string {
  const policy = policyOf(snapshot);
  return policy ? printRuleset(compileRuleset(policy)) : 'no router';
}

interface Edit {
  readonly at: number;
  readonly cut: number;
  readonly put: string;
}

/** A place in a text and what is put there; words that are valid somewhere, and bytes that are valid nowhere. */
const cuts: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(),
  cut: fc.nat(12),
  put: fc.oneof(
    fc.constantFrom('', '"', '{', '}', ']', ',', '0', '-1', 'null', 'true', '[]', '{}', '"Allow"', '"Pass"', 'http'),
    fc.string({ maxLength: 4 }),
  ),
});
/** A word for another, both valid in some places. */
const swaps = fc.constantFrom(
  ...([
    ['"Allow"', '"Deny"'],
    ['"Deny"', '"Allow"'],
    ['true', 'false'],
    ['wan', 'lan'],
    ['web', 'db'],
    ['10.0.0', '10.0.1'],
  ] as const),
  ...([
    ['TCP', 'UDP'],
    ['80', '81'],
    ['eth0', 'eth1'],
    ['2001:db8::', '2001:db8:1::'],
    ['"order":', '"order":1'],
  ] as const),
);
const edits = fc.array(fc.oneof(cuts, swaps, swaps), { minLength: 1, maxLength: 2 });

function edited(text: string, list: readonly (Edit | readonly [string, string])[]): string {
  return list.reduce((now, edit) => {
    if ('length' in edit) return now.replaceAll(edit[0], edit[1]);
    const from = edit.at % (now.length + 1);
    return now.slice(0, from) + edit.put + now.slice(from + edit.cut);
  }, text);
}

it(
  'a stored object counts as it last was valid',
  async () => {
    const met = { kept: 0, taken: 0 };
    await fc.assert(
      fc.asyncProperty(networks, fc.nat(), edits, async (manifests, which, list) => {
        const resources = read(manifests);
        const store = createMemoryStore();
        const put = (resource: AnyResource, value = printStored(resource)) => {
          const { kind, metadata } = resource;
          return {
            kind: 'put',
            key: resourceKey(kind, metadata.name, metadata.namespace),
            value,
            expect: 'any',
          } as const;
        };
        await store.commit(resources.map((resource) => put(resource)));
        const seen: { snapshot: Snapshot; invalid: number }[] = [];
        const follower = followSnapshots(
          store,
          (snapshot, invalid) => seen.push({ snapshot, invalid: invalid.length }),
          (error) => expect(error).toBeUndefined(),
        );
        await settled();
        const subject = resources[which % resources.length];
        if (!subject) return;
        const text = edited(printStored(subject), list);
        await store.commit([put(subject, text)]);
        await settled();
        follower.close();
        const [first] = seen;
        const last = seen.at(-1);
        if (!first || !last) throw new Error('nothing was shown');
        const parsed = parseStored(text);
        if (last.invalid > 0) {
          met.kept++;
          expect(rulesetOf(last.snapshot)).toBe(rulesetOf(first.snapshot));
        } else {
          met.taken++;
          if (!parsed.ok) throw new Error(`counts as valid: ${text}`);
          const now = resources.map((each) => (resourceId(each) === resourceId(subject) ? parsed.value : each));
          expect(rulesetOf(last.snapshot)).toBe(rulesetOf(makeSnapshot(now)));
        }
      }),
      { seed, numRuns },
    );
    if (numRuns >= 100) expect(Math.min(met.kept, met.taken)).toBeGreaterThan(5);
  },
  60_000 + numRuns * 500,
);

/** The memory store tells its watchers in turns of the event loop. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Each makes one term of a rule untellable. */
const nonsense: readonly ((rule: ManifestRule) => object)[] = [
  () => ({ protocol: 'NONE' }),
  () => ({ notProtocol: 700 }),
  ({ source }) => ({ source: { ...source, nets: ['10.0.0.0/99'] } }),
  ({ source }) => ({ source: { ...source, notNets: ['x'] } }),
  ({ source }) => ({ source: { ...source, selector: 'a = b' } }),
  ({ source }) => ({ source: { ...source, notSelector: '((' } }),
  ({ source }) => ({ source: { ...source, namespaceSelector: 'env ==' } }),
  ({ destination }) => ({ destination: { ...destination, services: { name: 'absent', namespace: 'nowhere' } } }),
  ({ destination }) => ({ destination: { ...destination, ports: ['9:5'] } }),
  () => ({ icmp: { code: 3 } }),
  () => ({ http: { methods: ['GET'] } }),
];

it(
  'a rule with a term that cannot be told opens nothing',
  () => {
    let narrowed = 0;
    let mutated = 0;
    const cases = fc.array(fc.record({ way: ways, drawn: packets, aim: fc.nat(1023) }), {
      minLength: 20,
      maxLength: 40,
      size: 'max',
    });
    fc.assert(
      fc.property(networks, cases, fc.nat(), fc.nat(), (manifests, list, which, term) => {
        const resources = read(manifests);
        const before = policyOf(makeSnapshot(resources));
        const rules = manifests.flatMap((manifest) =>
          manifest.kind === 'GlobalNetworkPolicy'
            ? (['ingress', 'egress'] as const).flatMap((direction) =>
                (manifest.spec[direction] ?? []).map((rule, index) => ({ manifest, direction, index, rule })),
              )
            : [],
        );
        // A Pass that is left out lets the rules behind it speak: it may open what the next tier would deny.
        const candidates = rules.filter(({ rule }) => rule.action === 'Allow' || rule.action === 'Deny');
        const chosen = candidates[which % Math.max(candidates.length, 1)];
        if (!chosen || !before) return;
        mutated++;
        const { manifest, direction, index, rule } = chosen;
        const changed = resources.map((resource) => {
          if (resource.kind !== manifest.kind || resource.metadata.name !== manifest.metadata.name) return resource;
          const specRules = (resource.spec as { [key: string]: readonly object[] | undefined })[direction] ?? [];
          const worse = { ...specRules[index], ...nonsense[term % nonsense.length]?.(rule) };
          return { ...resource, spec: { ...resource.spec, [direction]: specRules.with(index, worse) } } as AnyResource;
        });
        const after = policyOf(makeSnapshot(changed));
        if (!after) throw new Error('the router is gone');
        for (const { way, drawn, aim } of list) {
          const aimed = aimPacket(manifests, drawn, aim);
          const isOfFlow = aimed.ct === 'established' || aimed.ct === 'related';
          if (manifest.spec.doNotTrack === true && isOfFlow) continue;
          // No packet that untracked policy allows has been through NAT.
          if (judge(manifests, 'r1', way, aimed) === undefined) continue;
          const packet = packetOf(aimed);
          const verdict = (policy: PolicyIntent) =>
            explainPacket(policy, passageOf(way), packet, () => undefined).verdict;
          const [was, is] = [verdict(before), verdict(after)];
          if (is === 'accept' && was !== 'accept') {
            const story = { way, packet: aimed, rule, term: term % nonsense.length };
            throw new Error(`widened: ${JSON.stringify(story)}\n${printManifests(manifests)}`);
          }
          if (is !== was) narrowed++;
        }
      }),
      { seed, numRuns: numRuns * 3 },
    );
    expect(mutated).toBeGreaterThan(numRuns);
    if (numRuns >= 100) expect(narrowed).toBeGreaterThan(0);
  },
  60_000 + numRuns * 500,
);
