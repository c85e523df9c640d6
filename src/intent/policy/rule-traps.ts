/**
 * Rules that mean something else than under Calico's nftables.
 *
 *   policies, profiles ─[warnOfRules]→ Warning[]
 */
import { parseCalicoProtocol, protocolNumbers } from '../../net/ip-protocol.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Rule } from '../../resources/rule.ts';
import type { Warning } from '../router-intent.ts';
import type { Direction } from './policy-intent.ts';
import type { ClassifiedPolicy } from './resolve-tiers.ts';

/** The rules of a policy or profile that are evaluated here. */
export function warnOfRules(
  subject: ClassifiedPolicy['resource'] | Resource<'Profile'>,
  directions: readonly Direction[],
): Warning[] {
  return directions.flatMap((direction) =>
    (subject.spec[direction] ?? []).flatMap((rule, index): Warning[] => {
      const difference = notIcmpDifference(rule);
      if (difference === undefined) return [];
      return [{ code: 'not-icmp', subject, path: ['spec', direction, index, 'notICMP'], message: difference }];
    }),
  );
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
