/**
 * Failsafes as `policy` shows them: what the router lets in and out whatever policy says, to and from whom, and why.
 *
 *   PolicyIntent.failsafes ─[failsafesView]→ FailsafeView[]
 *
 * Invariant: nothing that is open is missing. What an Attachment asks for at one address and interface is one line.
 */
import { printOpening, printPurposes, sortedPurposes } from '../intent/policy/failsafe-words.ts';
import type { Failsafe, PolicyIntent } from '../intent/policy/policy-intent.ts';
import { printPrefix } from '../net/prefix.ts';

export interface FailsafeView {
  readonly list: 'inbound' | 'outbound';
  /** `tcp/22`, `50`, `icmp echo requests`. */
  readonly opens: readonly string[];
  /** Address or prefix of the other end; null for anybody. */
  readonly remote: string | null;
  /** Null for all. */
  readonly interfaces: readonly string[] | null;
  /** `IKE of Attachment vpn`; empty where settings or Calico's own list say so. */
  readonly why: string;
}

export function failsafesView(failsafes: PolicyIntent['failsafes']): readonly FailsafeView[] {
  return (['inbound', 'outbound'] as const).flatMap((list) =>
    groupByPlace(failsafes[list]).map((group) => viewOf(list, group)),
  );
}

type Group = readonly [Failsafe, ...Failsafe[]];

function groupByPlace(failsafes: readonly Failsafe[]): readonly Group[] {
  const groups = new Map<string, [Failsafe, ...Failsafe[]]>();
  for (const failsafe of failsafes) {
    const { net, interfaces, purposes } = failsafe;
    // Each line's reason holds for all of it: what one Attachment asks for, or one thing of the router's.
    const whose = purposes?.map(({ what, attachment }) => attachment ?? `~${what}`);
    const key = JSON.stringify([net && printPrefix(net), interfaces, [...new Set(whose)]]);
    const group = groups.get(key);
    if (group) group.push(failsafe);
    else groups.set(key, [failsafe]);
  }
  return [...groups.values()];
}

function viewOf(list: FailsafeView['list'], group: Group): FailsafeView {
  const [{ net, interfaces }] = group;
  return {
    list,
    opens: group.map(printOpening),
    remote: net ? printPrefix(net) : null,
    interfaces: interfaces ?? null,
    why: printPurposes(sortedPurposes(group.flatMap(({ purposes = [] }) => purposes))),
  };
}
