/** What is loaded over netlink is listed by nft as the text that we print of it, and read back as we meant it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lookTwice } from '../../../src/agent/look-twice.ts';
import { createTableReader } from '../../../src/edge/table-reader.ts';
import type { PolicyIntent } from '../../../src/intent/policy/policy-intent.ts';
import { resolveIntent } from '../../../src/intent/resolve-intent.ts';
import { prefix } from '../../../src/net/literals.fixture.ts';
import { compileRuleset } from '../../../src/nftables/compile.ts';
import { diffRulesets } from '../../../src/nftables/diff.ts';
import { verifyTable } from '../../../src/nftables/expected-table.ts';
import { guardRuleset } from '../../../src/nftables/guard.ts';
import type { PacketFilter } from '../../../src/nftables/packet-filter.ts';
import { printRuleset, printTable } from '../../../src/nftables/print.ts';
import type { Ruleset } from '../../../src/nftables/ruleset.ts';
import type { TableReader } from '../../../src/nftables/table-reader.ts';
import { parseFiles } from '../../../src/resources/document.ts';
import { makeSnapshot } from '../../../src/resources/snapshot.ts';
import { endpoint, policyIntent, rules, tier } from '../../../src/verdict/policy.fixture.ts';
import { denseIntents } from '../../properties/arbitrary-dense-policy.ts';
import { policyIntents } from '../../properties/arbitrary-policy.ts';
import { selectorIntents } from '../../properties/arbitrary-selector-policy.ts';
import { everythingRuleset } from './everything-ruleset.ts';
import { listTable } from './nft-listing.ts';
import { openPrivateKernel, type PrivateKernel } from './private-kernel.ts';

let kernel: PrivateKernel;
let filter: PacketFilter;
let reader: TableReader;

beforeAll(async () => {
  kernel = await openPrivateKernel();
  filter = kernel.filter();
  reader = createTableReader(kernel.socket);
});

afterAll(() => {
  filter?.close();
  reader?.close();
  kernel?.close();
});

const closedRouter = `
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: r1 }
spec: { asNumber: 64520 }
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: { name: wan0 }
spec: { node: r1, interfaceName: wan0 }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: spokes }
spec: { type: vpc, prefixes: [10.10.0.0/16] }
`;

/** The i-th of up to 256, with a peer and inside addresses of its own, in both families. */
function tunnelManifest(i: number): string {
  const [third, fourth] = [9 + (i >> 6), (i % 64) * 4];
  return `
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: spoke-${i} }
spec:
  router: r1
  site: spokes
  link:
    ipsec:
      psk: { secretRef: { name: spoke-${i}, key: psk } }
      tunnels: [{ remoteAddress: 203.0.113.${i} }]
  addresses:
    local: [169.254.${third}.${fourth + 2}/30, "fd00:${i}::2/126"]
    remote: [169.254.${third}.${fourth + 1}, "fd00:${i}::1"]
  bgp: { asNumber: 65010 }
`;
}

const scenarioFolder = resolve(import.meta.dirname, '../../scenarios');
/** Scenario and router, by the texts that the scenarios have. */
const scenarios = readdirSync(scenarioFolder, { recursive: true, encoding: 'utf8' }).flatMap((path) => {
  const [, scenario, router] = /^([^/]+)\/([^/]+)\.nft$/.exec(path) ?? [];
  return scenario !== undefined && router !== undefined ? [[scenario, router] as const] : [];
});

/** nft takes the text; netlink loads what nft lists alike, and the reader finds all of it. */
async function expectHeld(intent: PolicyIntent): Promise<void> {
  await expectRulesetHeld(compileRuleset(intent));
}

async function expectRulesetHeld(ruleset: Ruleset): Promise<void> {
  await kernel.load(printRuleset(ruleset));
  const listed = await listTable(kernel);
  await expectApplied(undefined, ruleset);
  expect(await listTable(kernel)).toEqual(listed);
}

async function expectApplied(from: Ruleset | undefined, to: Ruleset): Promise<void> {
  expect(await filter.apply(diffRulesets(from, to))).toEqual({ ok: true, value: undefined });
  const read = await lookTwice(reader, to);
  expect(read.ok && read.value && verifyTable(to, read.value)).toEqual([]);
}

describe('the kernel holds what was compiled', () => {
  it('with every match, statement and outcome there is', () => expectRulesetHeld(everythingRuleset));

  it.each(scenarios)('from scenario %s, router %s', async (name, router) => {
    const path = join(scenarioFolder, name, 'resources.yaml');
    const { resources } = parseFiles([{ path, text: readFileSync(path, 'utf8') }]);
    const intent = resolveIntent(makeSnapshot(resources), router);
    if (!intent.ok) throw new Error(`no router ${router}`);
    await expectHeld(intent.value.policy);
  });

  it.each([
    ['random policies', policyIntents, 100],
    ['policies whose rules overlap much', denseIntents, 30],
    ['policies whose rules ask for labels', selectorIntents, 80],
  ])('from %s', { timeout: 240_000 }, async (_, intents, numRuns) => {
    for (const intent of fc.sample<PolicyIntent>(intents, { seed: 20261125, numRuns })) await expectHeld(intent);
  });

  it('when the guard that came first is changed into it', async () => {
    for (const intent of fc.sample<PolicyIntent>(policyIntents, { seed: 20261125, numRuns: 10 })) {
      await expectApplied(undefined, guardRuleset);
      await expectApplied(guardRuleset, compileRuleset(intent));
    }
  });

  it('from two hundred tunnels, one of which goes and comes without touching the others', async () => {
    const tunnels = Array.from({ length: 200 }, (_, i) => tunnelManifest(i));
    const policyOf = (manifests: readonly string[]): PolicyIntent => {
      const { resources, errors } = parseFiles([
        { path: 'tunnels.yaml', text: [closedRouter, ...manifests].join('---') },
      ]);
      expect(errors).toEqual([]);
      const intent = resolveIntent(makeSnapshot(resources), 'r1');
      if (!intent.ok) throw new Error('no router');
      return intent.value.policy;
    };
    const [one, all, allButOne] = [tunnels.slice(0, 1), tunnels, tunnels.slice(1)].map((manifests) =>
      compileRuleset(policyOf(manifests)),
    ) as [Ruleset, Ruleset, Ruleset];
    const ruleCount = ({ chains }: Ruleset) =>
      [...chains.values()].reduce((sum, { rules: list }) => sum + list.length, 0);
    expect(ruleCount(all)).toBe(ruleCount(one));
    await expectRulesetHeld(all);
    const change = diffRulesets(all, allButOne);
    expect({ ...change, elements: [] }).toEqual({ ...diffRulesets(all, all), elements: [] });
    await expectApplied(all, allButOne);
    await expectApplied(allButOne, all);
  });

  it('from no policy at all', async () => {
    await expectHeld(policyIntent({}));
    await expectHeld(policyIntent({ forwardDefault: 'Deny' }));
  });

  it('from more tiers than chains can be deep', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `t${i}`);
    const tiers = names.map((name) => tier(name, 'Pass', name));
    const policies = new Map(
      names.map((name) => rules(name, name, { ingress: [['Pass', { protocol: 6 }], ['Allow']] })),
    );
    const stage = { ingress: tiers, egress: tiers };
    const endpoints = [endpoint('eth0', ['eth0'], { normal: stage, forward: stage, preDNAT: stage, untracked: stage })];
    await expectHeld(policyIntent({ endpoints, policies }));
  });

  it('from 1,000 policies of 10 rules', async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `p${i}`);
    const policies = new Map(
      names.map((name, i) =>
        rules(name, 'default', {
          ingress: Array.from({ length: 10 }, (_, j) => [
            j % 5 === 4 ? 'Deny' : 'Allow',
            {
              families: [4],
              protocol: 6,
              source: { nets: [prefix(`10.${i % 250}.${(i * 7 + j) % 250}.0/24`)] },
              destination: { ports: { ranges: [{ first: 1000 + i * 10 + j, last: 1010 + i * 10 + j }], portSets: [] } },
            },
          ]),
        }),
      ),
    );
    const stage = { ingress: [tier('default', 'Deny', ...names)], egress: [] };
    const intent = policyIntent({
      endpoints: [endpoint('eth0', ['eth0'], { normal: stage, forward: stage })],
      policies,
    });
    const ruleset = compileRuleset(intent);
    const ruleCount = [...ruleset.chains.values()].reduce((count, chain) => count + chain.rules.length, 0);
    expect(ruleCount).toBeLessThan(100); // a first packet costs a few lookups, however many rules there are
    await expectHeld(intent);
  });
});

it('takes 1,000 policies of one selector each with a set for none of them', async () => {
  const ids = Array.from({ length: 1000 }, (_, i) => `s:app${i}`);
  const members = (i: number) =>
    new Map([`10.1.${i % 250}.${i >> 8}/32`, `10.${i % 200}.0.0/16`].map((t) => [t, prefix(t)]));
  const intent = policyIntent({
    endpoints: [endpoint('eth0', ['eth0'], { normal: { ingress: [tier('default', 'Deny', ...ids)], egress: [] } })],
    policies: new Map(ids.map((id) => rules(id, 'default', { ingress: [['Allow', { source: { addressSet: id } }]] }))),
    addressSets: new Map(ids.map((id, i) => [id, { id, selector: id, members: members(i) }])),
  });
  const ruleset = compileRuleset(intent);
  expect(ruleset.sets.size).toBe(0);
  await expectHeld(intent);
});

describe('words of users stay in their quotes', () => {
  const hostile = [
    'x" ; flush ruleset ; "',
    'x\\',
    'x\ny',
    'x}\n}\nflush ruleset\n',
    '$(reboot)',
    '‮"',
    `${'n'.repeat(300)}"`,
  ];

  it.each(hostile)('%j', async (text) => {
    await kernel.load('add table inet theirs\n');
    const [id, allow] = rules(text, text, { ingress: [['Log'], ['Allow', { protocol: 6 }]] });
    const stage = { ingress: [{ name: text, defaultAction: 'Deny' as const, policies: [id] }], egress: [] };
    const intent = policyIntent({
      logPrefix: `%t %k ${text}`,
      endpoints: [endpoint(text, ['eth0'], { normal: stage }, [text])],
      policies: new Map([[id, allow]]),
    });
    await expectHeld(intent);
    expect((await kernel.nft(['list', 'tables'])).stdout).toContain('theirs');
  });
});

it.each([
  ['an unknown chain', 'add rule inet causeway nowhere drop\n'],
  ['half a table', 'table inet causeway {\n  chain x {\n'],
  [
    'overlapping elements',
    'table inet x {\n  map m {\n    typeof ip saddr : verdict\n    flags interval\n    elements = { 10.0.0.0/8 : drop, 10.1.0.0/16 : accept }\n  }\n}\n',
  ],
])('refuses %s', async (_, text) => {
  expect((await kernel.nft(['-c', '-f', '-'], text)).refusal).not.toBe('');
});

it('prints for render what the kernel takes as it stands', async () => {
  const ruleset = compileRuleset(policyIntent({ endpoints: [endpoint('all', '*')] }));
  await kernel.load(printRuleset(ruleset));
  const own = await openPrivateKernel();
  try {
    await own.load(printTable(ruleset));
    expect(await listTable(own)).toEqual(await listTable(kernel));
  } finally {
    own.close();
  }
});
