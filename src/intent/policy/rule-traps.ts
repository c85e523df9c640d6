/**
 * Rules that mean something else than they seem to, or than under Calico's nftables.
 *
 *   policies, profiles ─[warnOfRules]→ Warning[]
 */
import { parseCalicoProtocol, protocolNumbers } from '../../net/ip-protocol.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Rule } from '../../resources/rule.ts';
import type { Warning } from '../router-intent.ts';
import type { Direction, PolicyIntent } from './policy-intent.ts';
import type { ClassifiedPolicy } from './resolve-tiers.ts';

/** The rules of a policy or profile that are evaluated here. */
export function warnOfRules(
  subject: ClassifiedPolicy['resource'] | Resource<'Profile'>,
  directions: readonly Direction[],
  policy: PolicyIntent,
): Warning[] {
  const warnings: Warning[] = [];
  for (const direction of directions) {
    for (const [index, rule] of (subject.spec[direction] ?? []).entries()) {
      const warn = (code: string, field: string, message: string | undefined): void => {
        if (message !== undefined) warnings.push({ code, subject, path: ['spec', direction, index, field], message });
      };
      warn('not-icmp', 'notICMP', notIcmpDifference(rule));
      warn('one-family', 'action', deniedFamily(rule));
      warn('udplite-invalid', 'protocol', policy.dropsInvalid ? invalidUdpLite(rule) : undefined);
    }
  }
  return warnings;
}

/** As everywhere with Calico, negated nets of one IP version take the rule away from the other (semantics §3.3). */
function deniedFamily({ action, source, destination, ipVersion, protocol }: Rule): string | undefined {
  const negated = [...(source?.notNets ?? []), ...(destination?.notNets ?? [])];
  const isBound = ipVersion !== undefined || protocol === 'ICMP' || protocol === 'ICMPv6';
  const hasNets = source?.nets !== undefined || destination?.nets !== undefined;
  if (action !== 'Deny' || negated.length === 0 || isBound || hasNets) return undefined;
  const families = new Set(negated.map((net) => (net.includes(':') ? 6 : 4)));
  if (families.size > 1) return undefined;
  const [own, other] = families.has(4) ? [4, 6] : [6, 4];
  return `notNets of IPv${own} make this a rule for IPv${own}: it denies no IPv${other} packet; write another for IPv${other}, or say ipVersion: ${own}`;
}

/** Linux calls correctly summed UDPLite packets invalid (seen in 6.18), and invalid packets are dropped before any rule. */
function invalidUdpLite({ action, protocol }: Rule): string | undefined {
  const isUdpLite = protocol !== undefined && parseCalicoProtocol(protocol) === protocolNumbers.UDPLite;
  if (action !== 'Allow' || !isUdpLite) return undefined;
  return 'the kernel takes UDPLite packets for invalid, and those are dropped before any rule: set disableConntrackInvalidCheck in a FelixConfiguration';
}

/** Calico's nftables makes of it "ICMP, and neither this type nor this code" (semantics §3.3). */
function notIcmpDifference({ notICMP, protocol }: Rule): string | undefined {
  if (notICMP?.type === undefined) return undefined;
  const number = protocol === undefined ? undefined : parseCalicoProtocol(protocol);
  const isIcmp = number === protocolNumbers.ICMP || number === protocolNumbers.ICMPv6;
  if (notICMP.code === undefined && isIcmp) return undefined;
  const here =
    notICMP.code === undefined
      ? `matches whatever is not ICMP of type ${notICMP.type}`
      : `matches whatever is not ICMP of type ${notICMP.type} with code ${notICMP.code}`;
  const others = isIcmp ? '' : ', packets of other protocols included';
  return `it ${here}${others}, as it says; Calico's nftables matches less`;
}
