/**
 * Where one router stands: its own facts, the Sites joined to it, who may exchange routes, and the Calico resources that
 * its Attachments stand for.
 *
 *   Snapshot ─[resolve-topology]→ Topology → intent/routing, intent/policy
 *
 * Invariant: complete for one router and read-only; every list is sorted by name. A reference that leads nowhere is left
 * out and named in `warnings`, so a later stage never meets it.
 */
import type { Address, Family } from '../../net/address.ts';
import type { InterfaceAddress, Prefix } from '../../net/prefix.ts';
import type { Labels, Resource } from '../../resources/resource.ts';
import type { InterfaceFacts } from '../policy/policy-intent.ts';
import type { Warning } from '../router-intent.ts';

export interface Topology {
  readonly router: RouterFacts;
  /** This router's Attachments whose Site exists, sorted by name. */
  readonly attachments: readonly AttachmentFacts[];
  /** Every Site of the snapshot, sorted by name, whether joined to this router or not. */
  readonly sites: readonly SiteFacts[];
  /** What is known of the interfaces from resources alone, sorted by name; live facts from the kernel replace them. */
  readonly interfaces: readonly InterfaceFacts[];
  /** Calico resources that Router and Attachments stand for; `metadata.name` never collides with a written one. */
  readonly generated: {
    /** Sorted by name; named `~<attachment>`. */
    readonly hostEndpoints: readonly Resource<'HostEndpoint'>[];
    /** The written Node with the Router's own fields over it; the written one alone where there is no Router. */
    readonly node: Resource<'Node'>;
  };
  /** The other Routers of this router's redundancy group, sorted by name; empty without a group. */
  readonly groupMembers: readonly GroupMember[];
  /**
   * Whether two Sites, by name, may learn each other's routes. False for a Site and itself, and for an unknown Site.
   */
  exchangesWith(siteA: string, siteB: string): boolean;
  readonly warnings: readonly Warning[];
}

export interface RouterFacts {
  /** The name asked for: of the Router, of the Node, or of both. */
  readonly name: string;
  /** Undefined when a Calico Node alone describes the router: then everything is exactly Calico's. */
  readonly resource: Resource<'Router'> | undefined;
  /** The Node as written, if any. */
  readonly node: Resource<'Node'> | undefined;
  readonly labels: Labels;
  /** Every address of the router that resources tell, sorted, without duplicates. */
  readonly addresses: readonly Address[];
}

export interface AttachmentFacts {
  readonly name: string;
  readonly resource: Resource<'Attachment'>;
  readonly site: SiteFacts;
  /** At least one: several tunnels of one Attachment are several paths. */
  readonly paths: readonly AttachmentPath[];
  /** Of all paths. */
  readonly local: readonly InterfaceAddress[];
  readonly remote: readonly Address[];
}

/** One device that leads to the Site, and both ends on it. */
export interface AttachmentPath {
  readonly interfaceName: string;
  readonly local: readonly InterfaceAddress[];
  readonly remote: readonly Address[];
}

export interface SiteFacts {
  readonly name: string;
  readonly resource: Resource<'Site'>;
  readonly type: Resource<'Site'>['spec']['type'];
  /** All that may be learned from it: sorted, without duplicates. */
  readonly prefixes: readonly Prefix[];
  /** The empty text is the unnamed segment. */
  readonly segment: string;
}

/** Another router of the redundancy group, and how this one reaches it. */
export interface GroupMember {
  readonly router: Resource<'Router'>;
  /** One entry per family and subnet that both have an address in, sorted; empty when they share none. */
  readonly shared: readonly SharedSubnet[];
}

export interface SharedSubnet {
  readonly family: Family;
  readonly prefix: Prefix;
  readonly interfaceName: string;
  readonly local: Address;
  readonly remote: Address;
}
