/** What is loaded over netlink is listed by nft as if it had loaded our text. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNetlinkSocket } from '../../../src/edge/netlink-socket.ts';
import { openPacketFilter } from '../../../src/edge/nft.ts';
import type { PolicyIntent } from '../../../src/intent/policy/policy-intent.ts';
import { resolveIntent } from '../../../src/intent/resolve-intent.ts';
import { compileRuleset } from '../../../src/nftables/compile.ts';
import { diffRulesets } from '../../../src/nftables/diff.ts';
import type { PacketFilter } from '../../../src/nftables/packet-filter.ts';
import { printRuleset } from '../../../src/nftables/print.ts';
import type { Ruleset } from '../../../src/nftables/ruleset.ts';
import { parseFiles } from '../../../src/resources/document.ts';
import { makeSnapshot } from '../../../src/resources/snapshot.ts';
import { denseIntents } from '../../properties/arbitrary-dense-policy.ts';
import { policyIntents } from '../../properties/arbitrary-policy.ts';
import { selectorIntents } from '../../properties/arbitrary-selector-policy.ts';
import { everythingRuleset } from './everything-ruleset.ts';
import { listTable } from './nft-listing.ts';
import { openPrivateKernel, type PrivateKernel } from './private-kernel.ts';
import { inNamespaceOf } from './raw-sockets.ts';

let ours: PrivateKernel;
let oracle: PrivateKernel;
let filter: PacketFilter;

beforeAll(async () => {
  [ours, oracle] = await Promise.all([openPrivateKernel(), openPrivateKernel()]);
  filter = openPacketFilter(() => inNamespaceOf(ours.pid, () => openNetlinkSocket()));
});

afterAll(() => {
  filter?.close();
  ours?.close();
  oracle?.close();
});

const scenarioFolder = resolve(import.meta.dirname, '../../scenarios');
/** Scenario and router, by the texts that the scenarios have. */
const scenarios = readdirSync(scenarioFolder, { recursive: true, encoding: 'utf8' }).flatMap((path) => {
  const [, scenario, router] = /^([^/]+)\/([^/]+)\.nft$/.exec(path) ?? [];
  return scenario !== undefined && router !== undefined ? [[scenario, router] as const] : [];
});

async function expectListedAlike(ruleset: Ruleset): Promise<void> {
  await oracle.load(printRuleset(ruleset));
  expect(await filter.apply(diffRulesets(undefined, ruleset))).toEqual({ ok: true, value: undefined });
  expect(await listTable(ours)).toEqual(await listTable(oracle));
}

describe('a table loaded over netlink is listed as the text of it', () => {
  it('with every match, statement and outcome there is', () => expectListedAlike(everythingRuleset));

  it.each(scenarios)('of scenario %s, router %s', async (name, router) => {
    const path = join(scenarioFolder, name, 'resources.yaml');
    const { resources } = parseFiles([{ path, text: readFileSync(path, 'utf8') }]);
    const intent = resolveIntent(makeSnapshot(resources), router);
    if (!intent.ok) throw new Error(`no router ${router}`);
    await expectListedAlike(compileRuleset(intent.value.policy));
  });

  it.each([
    ['random policies', policyIntents, 100],
    ['policies whose rules overlap much', denseIntents, 30],
    ['policies whose rules ask for labels', selectorIntents, 80],
  ])('from %s', { timeout: 240_000 }, async (_, intents, numRuns) => {
    for (const intent of fc.sample<PolicyIntent>(intents, { seed: 20261125, numRuns })) {
      await expectListedAlike(compileRuleset(intent));
    }
  });
});
