/** Runs inside a namespace of its own, where the test cannot be: changes a table and says which changes rang the bell. */
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { openPacketFilter } from '../../../src/edge/nft.ts';
import { diffRulesets } from '../../../src/nftables/diff.ts';
import type { Ruleset } from '../../../src/nftables/ruleset.ts';

const filter = openPacketFilter();
const chain = { name: 'c', rules: [] };
const ours: Ruleset = { sets: new Map(), maps: new Map(), classes: new Map(), chains: new Map([['c', chain]]) };

/** Commands for nft, and changes of our own. */
const steps: readonly (readonly [name: string, command: string | (() => Promise<unknown>)])[] = [
  ['what we load ourselves', () => filter.apply(diffRulesets(undefined, ours))],
  ['what we change ourselves', () => filter.apply(diffRulesets(ours, { ...ours, chains: new Map() }))],
  ['what we remove ourselves', () => filter.remove()],
  ['our table', 'add table inet causeway'],
  ['another table', 'add table inet theirs; add table ip causeway'],
  ['our set', 'add set inet causeway s { typeof ip saddr . th dport; flags interval; }'],
  ['our element', 'add element inet causeway s { 10.0.0.0/8 . 80-90 }'],
  ['their chain', 'add chain inet theirs c'],
  ['our chain', 'add chain inet causeway c; add rule inet causeway c drop'],
  ['our rule', 'flush chain inet causeway c'],
  ['our table gone', 'delete table inet causeway'],
];

let rings = 0;
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
for (const [name, command] of steps) {
  await delay(250);
  rings = 0;
  if (typeof command === 'string') execFileSync('nft', [command]);
  else await command();
  for (let tries = 0; rings === 0 && tries < 8; tries++) await delay(50);
  if (rings > 0) heard.push(name);
}
monitor.close();
filter.close();
console.log(JSON.stringify(heard));
