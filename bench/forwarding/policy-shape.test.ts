import { describe, expect, it } from 'vitest';
import { allowedFlows, allowRules, forbiddenFlows } from './policy-shape.ts';

describe.each([1, 10, 1000])('a policy of %i rules', (count) => {
  const rules = allowRules({ rules: count, rulesPerPolicy: 10 });
  const last = rules.at(-1);
  const { sourceNetwork, firstHost, hosts, destinationPort } = allowedFlows(1);
  const sent = Array.from({ length: hosts }, (_, i) => {
    const low = firstHost + i;
    return `${sourceNetwork.join('.')}.${low >>> 8}.${low & 255}`;
  });

  it('has as many rules, ten to a policy', () => {
    expect(rules).toHaveLength(count);
    expect(last?.policy).toBe(Math.ceil(count / 10) - 1);
  });

  it('lets what is sent through by its last rule', () => {
    expect(last?.port).toBe(destinationPort);
    expect(last?.hosts).toEqual(sent);
  });

  it('lets none of it through by another rule', () => {
    const others = new Set(rules.slice(0, -1).flatMap((rule) => rule.hosts));
    expect(sent.filter((address) => others.has(address))).toEqual([]);
    expect(rules.slice(0, -1).some((rule) => rule.sourcePrefix === last?.sourcePrefix)).toBe(false);
  });

  it('has addresses of one application in no other', () => {
    const all = rules.flatMap((rule) => rule.hosts);
    expect(new Set(all).size).toBe(all.length);
  });

  it('has no rule for the port that established flows use', () => {
    expect(rules.map((rule) => rule.port)).not.toContain(forbiddenFlows(1).destinationPort);
  });
});
