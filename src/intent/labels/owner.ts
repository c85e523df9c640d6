/**
 * An owner of addresses: something labelled that rule selectors find.
 *
 *   WorkloadEndpoint, HostEndpoint, NetworkSet, GlobalNetworkSet, Site, Attachment ─[owners]→ Owner → LabelIndex
 *   EndpointSlice ─[services]→ Owner that only its Service's sets find
 *
 * Invariant: labels are effective ones: inherited and implicit labels included.
 */
import type { Prefix } from '../../net/prefix.ts';
import type { PortSetMember, SetId } from '../policy/policy-intent.ts';

export interface Owner {
  /** `Kind/name` or `Kind/namespace/name`. */
  readonly id: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly prefixes: readonly Prefix[];
  /** Only endpoints have named ports. */
  readonly ports: readonly NamedPort[];
}

export interface NamedPort {
  readonly name: string;
  readonly protocol: number;
  readonly port: number;
}

/** How the members of one set moved since they were last asked for; both lists sorted by key, never both empty. */
export type SetDelta =
  | {
      readonly kind: 'addresses';
      readonly setId: SetId;
      readonly added: readonly Prefix[];
      readonly removed: readonly Prefix[];
    }
  | {
      readonly kind: 'ports';
      readonly setId: SetId;
      readonly added: readonly PortSetMember[];
      readonly removed: readonly PortSetMember[];
    };
