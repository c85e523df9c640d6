/**
 * The profiles that endpoints fall to when no tier decided (semantics §1.10).
 *
 *   Profiles ─[resolve-profiles]→ PolicyIntent.profiles
 *
 * Invariant: only profiles that endpoints name; one that does not exist is absent, and an absent profile denies.
 */
import { defaultAllowProfile } from '../../resources/profile.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { Warning } from '../router-intent.ts';
import type { Direction, PolicyRules, RuleIntent } from './policy-intent.ts';
import { resolveRules } from './resolve-rule.ts';
import type { RulesMemory } from './rules-memory.ts';

/** By name, sorted. */
export function resolveProfiles(
  snapshot: Snapshot,
  endpoints: readonly Resource<'HostEndpoint'>[],
  memory: RulesMemory,
  warnings: Warning[],
): Map<string, PolicyRules> {
  const profiles = new Map<string, PolicyRules>();
  for (const name of [...new Set(endpoints.flatMap(({ spec }) => spec.profiles ?? []))].sort()) {
    const profile = name === defaultAllowProfile ? allowAll : resolveProfile(snapshot, name, memory);
    if (profile) profiles.set(name, profile);
  }
  for (const endpoint of endpoints) {
    for (const [i, name] of (endpoint.spec.profiles ?? []).entries()) {
      if (profiles.has(name)) continue;
      warnings.push({
        code: 'missing-profile',
        subject: endpoint,
        path: ['spec', 'profiles', i],
        message: `Profile ${name} does not exist: it denies all traffic to and from the router itself that no policy decides`,
      });
    }
  }
  return profiles;
}

function resolveProfile(snapshot: Snapshot, name: string, memory: RulesMemory): PolicyRules | undefined {
  const subject = snapshot.find('Profile', name);
  if (!subject) return undefined;
  const id = `Profile/${name}`;
  return memory.resolve(id, subject, (context) => ({
    id,
    resource: subject,
    kind: 'Profile',
    name,
    tier: null,
    ingress: resolveRules(subject.spec.ingress, 'ingress', context),
    egress: resolveRules(subject.spec.egress, 'egress', context),
  }));
}

const allowAll: PolicyRules = {
  id: `Profile/${defaultAllowProfile}`,
  resource: undefined,
  kind: 'Profile',
  name: defaultAllowProfile,
  tier: null,
  ingress: [allowRule('ingress')],
  egress: [allowRule('egress')],
};

function allowRule(direction: Direction): RuleIntent {
  return { action: 'Allow', index: 0, path: ['spec', direction, 0], families: [4, 6], source: {}, destination: {} };
}
