/** Runs inside a namespace of its own, where the test cannot be: changes a table and says which changes rang the bell. */
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { openPacketFilter } from '../../../src/edge/nft.ts';
import { diffRulesets } from '../../../src/nftables/diff.ts';
import type { Ruleset } from '../../../src/nftables/ruleset.ts';

const filter = openPacketFilter();
const chain = { name: 'c', rules: [] };
const ours: Ruleset = { sets: new Map(), maps: new Map(), classes: new Map(), chains: new Map([['c', chain]]) };

/** Commands for nft, and changes of our own. The bell is waited for as long as it takes where it has to ring. */
const steps: readonly (readonly [name: string, command: string | (() => Promise<unknown>), rings?: 'rings'])[] = [
  ['what we load ourselves', () => filter.apply(diffRulesets(undefined, ours))],
  ['what we change ourselves', () => filter.apply(diffRulesets(ours, { ...ours, chains: new Map() }))],
  ['what we remove ourselves', () => filter.remove()],
  ['our table', 'add table inet causeway', 'rings'],
  ['another table', 'add table inet theirs; add table ip causeway'],
  ['our set', 'add set inet causeway s { typeof ip saddr . th dport; flags interval; }', 'rings'],
  ['our element', 'add element inet causeway s { 10.0.0.0/8 . 80-90 }', 'rings'],
  ['their chain', 'add chain inet theirs c'],
  ['our chain', 'add chain inet causeway c; add rule inet causeway c drop', 'rings'],
  ['our rule', 'flush chain inet causeway c', 'rings'],
  ['our table gone', 'delete table inet causeway', 'rings'],
];

let rings = 0;

/** What the step before did has rung out. */
async function quiet(): Promise<void> {
  do {
    rings = 0;
    await delay(250);
  } while (rings > 0);
}

const monitor = filter.monitor(() => {
  rings++;
});
// The monitor opens its socket in its own time; it hears once it is open.
for (let tries = 0; rings === 0 && tries < 100; tries++) {
  execFileSync('nft', ['add table inet causeway; delete table inet causeway']);
  await delay(100);
}
/** The steps that rang, as the probe prints them. */
export type Heard = readonly string[];

const heard: string[] = [];
for (const [name, command, has] of steps) {
  await quiet();
  if (typeof command === 'string') execFileSync('nft', [command]);
  else await command();
  const triesMs = has === 'rings' ? 30_000 : 400;
  for (let waited = 0; rings === 0 && waited < triesMs; waited += 50) await delay(50);
  if (rings > 0) heard.push(name);
}
monitor.close();
filter.close();
console.log(JSON.stringify(heard));
