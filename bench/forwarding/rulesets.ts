/**
 * What our policy is compared with: nft text of other ways to say the same.
 *
 *   PolicyShape → [rulesets] → nft text
 *
 * Every one of them lets established flows through first and denies what no rule allows. In each, only the last rule
 * matches the packets that are sent.
 */
import { type AllowRule, allowRules, type PolicyShape } from './policy-shape.ts';

const established = ['ct state established,related accept', 'ct state invalid drop'];

/** Conntrack and a single rule: the least that a stateful router does. */
export function acceptOne(): string {
  return table([
    baseChain([...established, `udp dport ${allowRules({ rules: 1, rulesPerPolicy: 1 })[0]?.port} accept`]),
  ]);
}

/** One rule per line, top to bottom, as a person writes it by hand. */
export function listRules(shape: PolicyShape): string {
  const rules = allowRules(shape).map((rule) => `ip saddr ${rule.sourcePrefix} udp dport ${rule.port} accept`);
  return table([baseChain([...established, ...rules])]);
}

/**
 * The layout that Calico's Felix is documented to program: a chain per endpoint and direction, a chain per policy, a rule
 * per line, a set per selector, and mark bits that carry "accepted" and "pass" out of a chain.
 */
export function layOutPerPolicy(shape: PolicyShape): string {
  const rules = allowRules(shape);
  const sets = rules.map(
    (rule) => `set ${rule.app} {\n type ipv4_addr; flags interval;\n elements = { ${rule.hosts.join(', ')} }\n}`,
  );
  const policies = Math.ceil(shape.rules / shape.rulesPerPolicy);
  const chains = Array.from({ length: policies }, (_, policy) =>
    chain(`policy-${policy}`, rules.filter((rule) => rule.policy === policy).flatMap(matchThenMark)),
  );
  const jumps = Array.from({ length: policies }, (_, policy) => [
    `meta mark and 0x20000 == 0 jump policy-${policy}`,
    'meta mark and 0x10000 == 0x10000 return',
  ]);
  const endpoint = chain('endpoint-west', [
    ...established,
    'meta mark set mark and 0xfffcffff',
    ...jumps.flat(),
    'meta mark and 0x20000 == 0 drop',
  ]);
  const dispatch = baseChain([
    'meta mark set mark and 0xfffcffff',
    'iifname vmap { "west" : jump endpoint-west }',
    'meta mark and 0x10000 == 0x10000 accept',
  ]);
  return table([...sets, ...chains, endpoint, dispatch]);
}

function matchThenMark(rule: AllowRule): string[] {
  return [
    `meta l4proto udp ip saddr @${rule.app} udp dport ${rule.port} meta mark set mark or 0x10000`,
    'meta mark and 0x10000 == 0x10000 return',
  ];
}

function table(objects: readonly string[]): string {
  return `table inet bench {\n${objects.join('\n')}\n}\n`;
}

function baseChain(lines: readonly string[]): string {
  return chain('forward', ['type filter hook forward priority 0; policy drop;', ...lines]);
}

function chain(name: string, lines: readonly string[]): string {
  return `chain ${name} {\n${lines.map((line) => ` ${line}\n`).join('')}}`;
}
