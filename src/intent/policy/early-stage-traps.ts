/**
 * What surprises of untracked and preDNAT policy, which come before routing (semantics §4.8, §4.10, §4.13).
 *
 *   PolicyIntent, SelectedEndpoints ─[warnOfEarlyStages]→ Warning[]
 */
import { containsPort } from '../../net/port-range.ts';
import { printPrefix } from '../../net/prefix.ts';
import type { Warning } from '../router-intent.ts';
import { printOpening } from './failsafe-words.ts';
import type { Failsafe, PolicyIntent, RuleIntent } from './policy-intent.ts';
import { wildcard } from './resolve-endpoints.ts';
import type { ClassifiedPolicy } from './resolve-tiers.ts';
import type { SelectedEndpoint } from './selected-endpoint.ts';

/** `used` are the policies that select some endpoint, each once. */
export function warnOfEarlyStages(
  policy: PolicyIntent,
  selected: readonly SelectedEndpoint[],
  used: readonly ClassifiedPolicy[],
): Warning[] {
  return [
    ...selected.flatMap(warnOfUntrackedWildcard),
    ...warnOfPreDnatWildcard(selected),
    ...used.flatMap((entry) => warnOfFailsafes(policy, entry)),
  ];
}

function warnOfUntrackedWildcard({ endpoint, interfaces, policies }: SelectedEndpoint): Warning[] {
  if (interfaces !== wildcard) return [];
  return policies
    .filter(({ stages }) => stages.includes('untracked'))
    .map(({ resource }) => ({
      code: 'untracked-on-wildcard',
      subject: resource,
      path: ['spec', 'doNotTrack'],
      message: `HostEndpoint ${endpoint.metadata.name} covers every interface, where doNotTrack policy is not enforced: its Deny rules block nothing there and its Allow rules open nothing; name the interface in a HostEndpoint of its own`,
    }));
}

/** Calico lets an interface whose own endpoint has no preDNAT policy fall to the wildcard's; here it does not (decision 0004). */
function warnOfPreDnatWildcard(selected: readonly SelectedEndpoint[]): Warning[] {
  const isEarly = ({ policies }: SelectedEndpoint) => policies.some(({ stages }) => stages.includes('preDNAT'));
  const wild = selected.find((entry) => entry.interfaces === wildcard && isEarly(entry));
  const others = selected.filter((entry) => entry.interfaces !== wildcard && !isEarly(entry));
  if (!wild || others.length === 0) return [];
  const names = others.slice(0, 5).map(({ endpoint }) => endpoint.metadata.name);
  const more = others.length > names.length ? ` and ${others.length - names.length} more` : '';
  const message = `its preDNAT policy does not hold on interfaces with an endpoint of their own (${names.join(', ')}${more}), where Calico would enforce it too: let it select these as well`;
  return [{ code: 'prednat-on-wildcard', subject: wild.endpoint, path: ['spec', 'interfaceName'], message }];
}

/** Failsafes are accepted before these stages, of forwarded packets too: only applyOnForward policy blocks those. */
function warnOfFailsafes(policy: PolicyIntent, { id, resource, stages }: ClassifiedPolicy): Warning[] {
  if (!stages.includes('untracked') && !stages.includes('preDNAT')) return [];
  const rules = policy.policies.get(id)?.ingress ?? [];
  return rules.flatMap((rule) => {
    const [open, ...others] = policy.failsafes.inbound.filter((failsafe) => isNamed(rule, failsafe));
    if (!open) return [];
    const from = open.net ? ` from ${printPrefix(open.net)}` : '';
    const more = others.length === 0 ? '' : ` (and ${others.length} more like it)`;
    const message = `${printOpening(open)}${from}${more} is a failsafe, which this stage accepts before it denies anything, from and for others behind this router too: deny it for them in a policy with applyOnForward alone`;
    return [{ code: 'failsafe-before-deny', subject: resource, path: rule.path, message }];
  });
}

function isNamed({ action, protocol, destination }: RuleIntent, failsafe: Failsafe): boolean {
  const { port } = failsafe;
  if (action !== 'Deny' || protocol !== failsafe.protocol || port === undefined) return false;
  return (destination.ports?.ranges ?? []).some((range) => containsPort(range, port));
}
