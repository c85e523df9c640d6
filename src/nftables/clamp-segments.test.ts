import { expect, it } from 'vitest';
import type { MssClamp } from '../intent/policy/policy-intent.ts';
import { policyIntent } from '../verdict/policy.fixture.ts';
import { clampSegments } from './clamp-segments.ts';
import { emptyDraft } from './draft.ts';
import { mapElementTexts } from './print.ts';
import { printRule } from './print-rule.ts';

/** Rules in the order a SYN meets them, and elements of maps by their names. */
function clamped(mssClamps: readonly MssClamp[]): { rules: string[]; elements: Record<string, readonly string[]> } {
  const draft = emptyDraft(undefined);
  const base = clampSegments(policyIntent({ mssClamps }), draft);
  const chains = [...(base ? [base] : []), ...draft.chains.values()];
  return {
    rules: chains.flatMap(({ name, rules }) => rules.map((rule) => `${name}: ${printRule(rule)}`)).sort(),
    elements: Object.fromEntries([...draft.maps].map(([name, map]) => [name, mapElementTexts(map)])),
  };
}

const sizes = { ipv4: 1398, ipv6: 1378 };
const tunnels = (count: number) =>
  Array.from({ length: count }, (_, i): MssClamp => ({ interfaceName: `vpn-${i}`, ...sizes }));

it('a SYN is told what fits into the link it came by and into the one it leaves by, in its family', () => {
  const { rules, elements } = clamped(tunnels(1));
  expect(rules).toEqual([
    'mangle-forward: tcp flags syn / syn,rst jump segments',
    'segments-1398-1378: meta nfproto ipv4 tcp flags syn / syn,rst tcp option maxseg size > 1398 counter tcp option maxseg size set 1398 comment "segments that fit into the link"',
    'segments-1398-1378: meta nfproto ipv6 tcp flags syn / syn,rst tcp option maxseg size > 1378 counter tcp option maxseg size set 1378 comment "segments that fit into the link"',
    'segments: iifname vmap @segments-in-interfaces',
    'segments: oifname vmap @segments-out-interfaces',
  ]);
  const jump = ['"vpn-0" : jump segments-1398-1378'];
  expect(elements).toEqual({ 'segments-in-interfaces': jump, 'segments-out-interfaces': jump });
});

it('has as many rules for two hundred links as for one: each is an element', () => {
  const { rules, elements } = clamped(tunnels(200));
  expect(rules).toEqual(clamped(tunnels(1)).rules);
  expect(elements['segments-in-interfaces']).toHaveLength(200);
});

it('is not there where no link clamps', () => {
  expect(clamped([])).toEqual({ rules: [], elements: {} });
});
