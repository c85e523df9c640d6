/**
 * Scenarios: a folder of resources in; nft text, BIRD text and verdicts out.
 *
 *   <name>/scenario.yaml   what it shows, which routers, and packets with the verdict each must meet
 *   <name>/resources.yaml  what a user wrote
 *   <name>/<router>.nft, <router>.bird.conf   the exact text, accepted by the real programs
 *
 * UPDATE=1 rewrites the texts; read their diff as the review. Verdicts are never rewritten.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { compileBird } from '../../src/bird/compile.ts';
import { printBird } from '../../src/bird/print.ts';
import { runProgram } from '../../src/edge/run-program.ts';
import { resolveIntent } from '../../src/intent/resolve-intent.ts';
import type { RouterIntent } from '../../src/intent/router-intent.ts';
import { resolveTopology } from '../../src/intent/topology/resolve-topology.ts';
import { compileRuleset } from '../../src/nftables/compile.ts';
import { diffRulesets, isEmptyChange } from '../../src/nftables/diff.ts';
import { printRuleset } from '../../src/nftables/print.ts';
import { printDiagnostic } from '../../src/resources/diagnostic.ts';
import { parseFiles } from '../../src/resources/document.ts';
import { checkReferences } from '../../src/resources/references.ts';
import { makeSnapshot, type Snapshot } from '../../src/resources/snapshot.ts';
import { explainQuery } from '../../src/verdict/explain-query.ts';
import { fibFromTopology } from '../../src/verdict/fib.ts';
import { parsePacketQuery } from '../../src/verdict/packet-query.ts';
import { verdictToJson } from '../../src/verdict/print-verdict.ts';

interface Scenario {
  readonly shows: string;
  readonly routers: readonly string[];
  readonly secrets?: Readonly<Record<string, string>>;
  readonly warnings?: readonly string[];
  readonly verdicts?: readonly {
    readonly router: string;
    readonly packet: Readonly<Record<string, unknown>>;
    readonly verdict: string;
    /** `Kind/name ingress[0]`; left out where no rule decides. */
    readonly rule?: string;
  }[];
}

const folder = import.meta.dirname;
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

let scratch = '';
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'causeway-scenarios-'));
});
afterAll(() => rm(scratch, { recursive: true }));

describe.each(names)('%s', (name) => {
  const scenario = parse(readFileSync(join(folder, name, 'scenario.yaml'), 'utf8')) as Scenario;
  const snapshot = readSnapshot(join(folder, name, 'resources.yaml'));

  describe.each(scenario.routers)('router %s', (router) => {
    const intent = intentOf(snapshot, router);
    const ruleset = compileRuleset(intent.policy);
    const nft = printRuleset(ruleset);
    const bird = printBird(compileBird(intent.routing, { secrets: new Map(Object.entries(scenario.secrets ?? {})) }));

    it('is given this nft text, which nft accepts', async () => {
      expectGolden(join(folder, name, `${router}.nft`), nft);
      expect(await nftSays(nft)).toBe('');
    });

    it('is given this BIRD configuration, which BIRD accepts', async () => {
      expectGolden(join(folder, name, `${router}.bird.conf`), bird);
      expect(await birdSays(bird)).toBe('');
    });

    it('changes nothing when applied twice', () => {
      const again = compileRuleset(intentOf(readSnapshot(join(folder, name, 'resources.yaml')), router).policy);
      expect(printRuleset(again)).toBe(nft);
      expect(isEmptyChange(diffRulesets(ruleset, again))).toBe(true);
    });
  });

  it.each(scenario.verdicts ?? [])('$router: $packet → $verdict', ({ router, packet, verdict, rule }) => {
    const query = parsePacketQuery(packet);
    if (!query.ok) throw new Error(JSON.stringify(query.error));
    const fib = fibFromTopology(resolveTopology(snapshot, router), snapshot.list('Attachment'));
    const answer = verdictToJson(explainQuery(intentOf(snapshot, router), fib, query.value, snapshot.locate));
    const decided =
      answer.rule && `${answer.rule.kind}/${answer.rule.name} ${answer.rule.direction}[${answer.rule.index}]`;
    expect({ verdict: answer.verdict, rule: decided }).toEqual({ verdict, rule: rule ?? null });
  });
});

describe('the real programs', () => {
  it('refuse what is wrong, so the checks above can fail', async () => {
    expect(await nftSays('table inet causeway { chain c { bogus } }')).not.toBe('');
    expect(await birdSays('router id 10.0.0.1; protocol bgp b { local as 0; }')).not.toBe('');
  });
});

function readSnapshot(path: string): Snapshot {
  const { resources, errors } = parseFiles([{ path, text: readFileSync(path, 'utf8') }]);
  const snapshot = makeSnapshot(resources);
  expect([...errors, ...checkReferences(snapshot).errors].map(printDiagnostic)).toEqual([]);
  return snapshot;
}

function intentOf(snapshot: Snapshot, router: string): RouterIntent {
  const intent = resolveIntent(snapshot, router);
  if (!intent.ok) throw new Error(`no router ${router}`);
  return intent.value;
}

function expectGolden(path: string, text: string): void {
  if (process.env['UPDATE'] === '1' || (!existsSync(path) && process.env['CI'] === undefined))
    writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, 'utf8'));
}

/** What `nft -c` has against the text; empty when nothing. In a namespace of its own: nothing is ever loaded here. */
async function nftSays(text: string): Promise<string> {
  const output = await runProgram('unshare', ['-rn', 'nft', '-c', '-f', '-'], { input: text });
  if (!output.ok) throw new Error(`nft cannot run: ${output.error.kind}`);
  return output.value.exitCode === 0 ? '' : output.value.stderr;
}

async function birdSays(text: string): Promise<string> {
  const path = join(scratch, 'bird.conf');
  writeFileSync(path, text);
  const output = await runProgram('bird', ['-p', '-c', path]);
  if (!output.ok) throw new Error(`bird cannot run: ${output.error.kind}`);
  return output.value.exitCode === 0 ? '' : output.value.stderr;
}
