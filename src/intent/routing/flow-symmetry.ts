/**
 * Whether both halves of a flow are seen by the same routers of a group, or their state is shared, or neither.
 *
 *   GroupIntent, Sites at both ends ─[flowPath]→ FlowPath → explain packet, flows
 *
 * A Site's pin is one router whose routes all of its group prefer, and that the Site prefers: what goes to it leaves the group
 * there, what comes from it enters there. So a flow between two pinned Sites passes the same one or two routers both ways.
 * Invariant: symmetric is only said of what the pins alone decide; what nobody owns is at risk.
 */
import type { GroupIntent, SitePin } from './routing-intent.ts';

export interface FlowPath {
  readonly kind: 'single-router' | 'pinned-symmetric' | 'state-synchronised' | 'at-risk';
  /** For people: why. */
  readonly reason: string;
}

/** What is at one end of a flow. */
export type FlowEndpoint =
  /** An address of a Site, by its name. */
  | { readonly kind: 'site'; readonly site: string }
  /** The router itself. */
  | { readonly kind: 'router' }
  /** An address that no Site declares. */
  | { readonly kind: 'unknown'; readonly address: string };

/** `isSynchronised`: whether the group's routers share connection state, as far as the caller knows. */
export function flowPath(
  group: GroupIntent | undefined,
  ends: { readonly source: FlowEndpoint; readonly destination: FlowEndpoint },
  isSynchronised: boolean,
): FlowPath {
  if (!group) return { kind: 'single-router', reason: 'the router is in no redundancy group: it sees both directions' };
  const both = [ends.source, ends.destination] as const;
  // A conversation with the router itself ends there, whichever way its packets take.
  if (both.some(({ kind }) => kind === 'router')) {
    return { kind: 'single-router', reason: 'one end is the router itself, where all packets of the flow come to' };
  }
  const pins = both.map((end) => pinOf(group, end));
  const loose = pins.filter((pin): pin is string => typeof pin === 'string');
  if (loose.length === 0) return { kind: 'pinned-symmetric', reason: symmetricReason(pins as readonly Pinned[]) };
  const why = [...new Set(loose)].join('; ');
  if (isSynchronised) {
    return {
      kind: 'state-synchronised',
      reason: `its two directions may pass different routers of group ${group.name}, which share the state of connections: ${why}`,
    };
  }
  return {
    kind: 'at-risk',
    reason: `its two directions may pass different routers of group ${group.name}, and each then sees half of it: ${why}`,
  };
}

interface Pinned extends SitePin {
  readonly router: string;
}

/** The pin, or what keeps the end from having one. */
function pinOf(group: GroupIntent, end: FlowEndpoint): Pinned | string {
  switch (end.kind) {
    case 'site': {
      const pin = group.pins.find(({ site }) => site === end.site);
      if (!pin) return `no router of the group is attached to Site/${end.site}`;
      if (pin.router !== undefined) return { ...pin, router: pin.router };
      return `Site/${end.site} prefers no one router: set its preferredRouter`;
    }
    case 'router':
      return 'one end is the router itself';
    case 'unknown':
      return `no Site declares ${end.address}`;
  }
}

function symmetricReason(pins: readonly Pinned[]): string {
  const routers = [...new Set(pins.map(({ router }) => router))].sort();
  const each = [...new Set(pins.map(({ site, router }) => `Site/${site} by ${router}`))].join(', ');
  return `both directions pass ${routers.join(' and ')} (${each})`;
}
