/**
 * Whether an endpoint surely denies a sort of traffic, whatever its packets look like beyond what is known of them.
 *
 *   PolicyIntent, EndpointIntent, Probe ─[isSurelyDenied, isSurelyAllowed]→ yes or no
 *
 * For warnings only: verdict/ says what happens to a packet. Invariant: members of selectors are never looked at, as they
 * move without policy being resolved again: a term that names a set may hold or not.
 */
import type { Address, Family } from '../../net/address.ts';
import { echoTypes, hasPorts } from '../../net/ip-protocol.ts';
import { containsPort } from '../../net/port-range.ts';
import { containsAddress, type Prefix } from '../../net/prefix.ts';
import type {
  Direction,
  EndpointIntent,
  Failsafe,
  PolicyIntent,
  PolicyRules,
  PortMatch,
  RuleIntent,
  SideMatch,
  TierIntent,
} from './policy-intent.ts';

/** What is known of packets; an absent field is unknown. */
export interface Probe {
  readonly family: Family;
  readonly protocol: number;
  /** Destination port. */
  readonly port?: number;
  readonly icmpType?: number;
  /** The other end: the source of what comes in, the destination of what goes out. */
  readonly remote?: Address;
  readonly local?: Address;
}

/** `maybe` where it depends on what is unknown. */
type Answer = 'yes' | 'no' | 'maybe';

/** Whether none of these packets gets to or from the router itself through the endpoint: no rule could allow one. */
export function isSurelyDenied(
  policy: PolicyIntent,
  endpoint: EndpointIntent,
  direction: Direction,
  probe: Probe,
): boolean {
  return judge(policy, endpoint, direction, probe) === 'no';
}

/** Whether all of them do: no rule could deny one. */
export function isSurelyAllowed(
  policy: PolicyIntent,
  endpoint: EndpointIntent,
  direction: Direction,
  probe: Probe,
): boolean {
  return judge(policy, endpoint, direction, probe) === 'yes';
}

/** Whether the endpoint lets the packets pass in its normal stage. */
function judge(policy: PolicyIntent, endpoint: EndpointIntent, direction: Direction, probe: Probe): Answer {
  const list = direction === 'ingress' ? policy.failsafes.inbound : policy.failsafes.outbound;
  const exempt = list.map((failsafe) => meetsFailsafe(failsafe, endpoint, probe));
  if (exempt.includes('yes')) return 'yes';
  const answer = judgeTiers(policy, endpoint, direction, probe);
  return answer === 'no' && exempt.includes('maybe') ? 'maybe' : answer;
}

/** By policy and the tiers that are met, which endpoints share, then by the probe. */
const judged = new WeakMap<PolicyIntent, Map<readonly TierIntent[], Map<string, Answer>>>();

function judgeTiers(policy: PolicyIntent, endpoint: EndpointIntent, direction: Direction, probe: Probe): Answer {
  const tiers = endpoint.tiers.normal[direction];
  const byTiers = judged.get(policy) ?? new Map<readonly TierIntent[], Map<string, Answer>>();
  judged.set(policy, byTiers);
  const byProbe = byTiers.get(tiers) ?? new Map<string, Answer>();
  byTiers.set(tiers, byProbe);
  const { family, protocol, port, icmpType, remote, local } = probe;
  const place = [family, protocol, port, icmpType, remote?.bits, local?.bits].join(' ');
  const key = `${direction} ${place} ${JSON.stringify(endpoint.profiles)}`;
  const answer = byProbe.get(key) ?? walkTiers(policy, endpoint, direction, probe);
  byProbe.set(key, answer);
  return answer;
}

function walkTiers(policy: PolicyIntent, endpoint: EndpointIntent, direction: Direction, probe: Probe): Answer {
  const may: Outcomes = { allow: false, deny: false };
  for (const { policies, defaultAction } of endpoint.tiers.normal[direction]) {
    const tier = policies.flatMap((id) => policy.policies.get(id)?.[direction] ?? []);
    const { mayPass, mayEnd } = walk(tier, probe, may);
    if (mayEnd && defaultAction === 'Deny') may.deny = true;
    if (!mayPass && (!mayEnd || defaultAction === 'Deny')) return answerOf(may);
  }
  for (const name of endpoint.profiles) {
    const profile: PolicyRules | undefined = policy.profiles.get(name);
    if (!profile) break;
    const { mayPass, mayEnd } = walk(profile[direction], probe, may);
    if (!mayPass && !mayEnd) return answerOf(may);
  }
  may.deny = true;
  return answerOf(may);
}

/** What may have become of some of the packets so far; more than truly can, never less. */
interface Outcomes {
  allow: boolean;
  deny: boolean;
}

function answerOf({ allow, deny }: Outcomes): Answer {
  if (allow && deny) return 'maybe';
  return allow ? 'yes' : 'no';
}

/** Notes what the rules may decide; tells whether some packets may leave them by Pass, or by their end. */
function walk(
  rules: readonly RuleIntent[],
  probe: Probe,
  may: Outcomes,
): { readonly mayPass: boolean; readonly mayEnd: boolean } {
  let mayPass = false;
  for (const rule of rules) {
    const answer = rule.action === 'Log' ? 'no' : meetsRule(rule, probe);
    if (answer === 'no') continue;
    if (rule.action === 'Allow') may.allow = true;
    else if (rule.action === 'Deny') may.deny = true;
    else mayPass = true;
    if (answer === 'yes') return { mayPass, mayEnd: false };
  }
  return { mayPass, mayEnd: true };
}

function meetsRule(rule: RuleIntent, probe: Probe): Answer {
  if (!rule.families.includes(probe.family)) return 'no';
  if (rule.protocol !== undefined && rule.protocol !== probe.protocol) return 'no';
  const { remote, local } = probe;
  const isIngress = rule.path[1] === 'ingress';
  return all([
    rule.notProtocol === probe.protocol ? 'no' : 'yes',
    rule.icmp === undefined ? 'yes' : meetsIcmp(rule.icmp, probe),
    rule.notIcmp === undefined ? 'yes' : not(meetsIcmp(rule.notIcmp, probe)),
    meetsSide(rule.source, isIngress ? remote : local, undefined, probe),
    meetsSide(rule.destination, isIngress ? local : remote, probe.port, probe),
  ]);
}

function meetsIcmp({ type, code }: NonNullable<RuleIntent['icmp']>, probe: Probe): Answer {
  if (probe.protocol !== (probe.family === 4 ? 1 : 58)) return 'no';
  if (type !== undefined && probe.icmpType === undefined) return 'maybe';
  if (type !== undefined && type !== probe.icmpType) return 'no';
  return code === undefined ? 'yes' : 'maybe';
}

function meetsSide(side: SideMatch, address: Address | undefined, port: number | undefined, probe: Probe): Answer {
  return all([
    side.nets === undefined ? 'yes' : isIn(side.nets, address, probe),
    side.notNets === undefined ? 'yes' : not(isIn(side.notNets, address, probe)),
    side.addressSet === undefined ? 'yes' : isOwned(address),
    side.notAddressSet === undefined ? 'yes' : not(isOwned(address)),
    side.ports === undefined ? 'yes' : hasPort(side.ports, port, probe),
    side.notPorts === undefined ? 'yes' : not(hasPort(side.notPorts, port, probe)),
  ]);
}

function isIn(prefixes: readonly Prefix[], address: Address | undefined, { family }: Probe): Answer {
  const ofFamily = prefixes.filter((prefix) => prefix.family === family);
  if (ofFamily.length === 0) return 'no';
  if (ofFamily.some(({ length }) => length === 0)) return 'yes';
  if (!address) return 'maybe';
  return ofFamily.some((prefix) => containsAddress(prefix, address)) ? 'yes' : 'no';
}

/** What has labels has no link-local address: those are told apart by their link alone. */
function isOwned(address: Address | undefined): Answer {
  return address !== undefined && containsAddress(linkLocal, address) ? 'no' : 'maybe';
}

const linkLocal: Prefix = { family: 6, bits: 0xfe80n << 112n, length: 10 };

function hasPort({ ranges, portSets }: PortMatch, port: number | undefined, { protocol }: Probe): Answer {
  if (!hasPorts(protocol)) return 'no';
  if (port === undefined) return 'maybe';
  if (ranges.some((range) => containsPort(range, port))) return 'yes';
  return portSets.length > 0 ? 'maybe' : 'no';
}

function meetsFailsafe(failsafe: Failsafe, { interfaces }: EndpointIntent, probe: Probe): Answer {
  if (failsafe.protocol !== probe.protocol) return 'no';
  if (failsafe.port !== undefined && failsafe.port !== probe.port) return 'no';
  const onAll = failsafe.interfaces === undefined;
  const onSome = onAll || interfaces === '*' || failsafe.interfaces.some((name) => interfaces.includes(name));
  if (!onSome) return 'no';
  const remote = failsafe.net === undefined ? 'yes' : isIn([failsafe.net], probe.remote, probe);
  const kind =
    failsafe.icmp === undefined ? 'yes' : meetsIcmp({ type: echoTypes[probe.family].request, code: 0 }, probe);
  return all([remote, kind, onAll ? 'yes' : 'maybe']);
}

function all(answers: readonly Answer[]): Answer {
  if (answers.includes('no')) return 'no';
  return answers.includes('maybe') ? 'maybe' : 'yes';
}

function not(answer: Answer): Answer {
  if (answer === 'maybe') return 'maybe';
  return answer === 'yes' ? 'no' : 'yes';
}
