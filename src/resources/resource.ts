/**
 * The envelope every resource comes in, and the type of each kind's spec.
 *
 *   YAML/JSON ─[parse]→ Resource → store → snapshot → intent
 *
 * Invariant: a Resource that exists as this type has passed validation; its spec is the JSON form that Calico's (or our)
 * API documents, with defaults filled in, and is never mutated.
 */
import type { AssertionSpec } from './assertion.ts';
import type { AttachmentSpec } from './attachment.ts';
import type { BgpConfigurationSpec } from './bgp-configuration.ts';
import type { BgpFilterSpec } from './bgp-filter.ts';
import type { BgpPeerSpec } from './bgp-peer.ts';
import type { CalicoNodeStatusSpec } from './calico-node-status.ts';
import type { EndpointSliceSpec } from './endpoint-slice.ts';
import type { FelixConfigurationSpec } from './felix-configuration.ts';
import type { GlobalNetworkPolicySpec } from './global-network-policy.ts';
import type { HostEndpointSpec } from './host-endpoint.ts';
import type { IpPoolSpec } from './ip-pool.ts';
import type { LabelSourceSpec } from './label-source.ts';
import type { NetworkPolicySpec } from './network-policy.ts';
import type { NetworkSetSpec } from './network-set.ts';
import type { NodeSpec } from './node.ts';
import type { ProfileSpec } from './profile.ts';
import type { RouterSpec } from './router.ts';
import type { SegmentSpec } from './segment.ts';
import type { SiteSpec } from './site.ts';
import type { StagedGlobalNetworkPolicySpec, StagedNetworkPolicySpec } from './staged-network-policy.ts';
import type { TierSpec } from './tier.ts';
import type { WorkloadEndpointSpec } from './workload-endpoint.ts';

export interface SpecByKind {
  Tier: TierSpec;
  GlobalNetworkPolicy: GlobalNetworkPolicySpec;
  NetworkPolicy: NetworkPolicySpec;
  StagedGlobalNetworkPolicy: StagedGlobalNetworkPolicySpec;
  StagedNetworkPolicy: StagedNetworkPolicySpec;
  GlobalNetworkSet: NetworkSetSpec;
  NetworkSet: NetworkSetSpec;
  HostEndpoint: HostEndpointSpec;
  WorkloadEndpoint: WorkloadEndpointSpec;
  Profile: ProfileSpec;
  Node: NodeSpec;
  IPPool: IpPoolSpec;
  BGPConfiguration: BgpConfigurationSpec;
  BGPPeer: BgpPeerSpec;
  BGPFilter: BgpFilterSpec;
  FelixConfiguration: FelixConfigurationSpec;
  CalicoNodeStatus: CalicoNodeStatusSpec;
  Router: RouterSpec;
  Site: SiteSpec;
  Attachment: AttachmentSpec;
  Segment: SegmentSpec;
  Assertion: AssertionSpec;
  LabelSource: LabelSourceSpec;
  EndpointSlice: EndpointSliceSpec;
}

export type Kind = keyof SpecByKind;

export type Labels = Readonly<Record<string, string>>;

export interface Metadata {
  readonly name: string;
  /** Only on namespaced kinds, where it is always set. */
  readonly namespace?: string;
  readonly labels?: Labels;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly uid?: string;
  /** RFC 3339, whole seconds. */
  readonly creationTimestamp?: string;
  /** The store's revision of this object, in decimal; set by the store, checked on update. */
  readonly resourceVersion?: string;
}

export interface Resource<K extends Kind = Kind> {
  readonly apiVersion: string;
  readonly kind: K;
  readonly metadata: Metadata;
  readonly spec: SpecByKind[K];
  /** What was observed; written by agents only. */
  readonly status?: Readonly<Record<string, unknown>>;
}

/** Some resource of any kind, told apart by `kind`. */
export type AnyResource = { [K in Kind]: Resource<K> }[Kind];

/** A path into a resource: field names and list indexes. */
export type FieldPath = readonly (string | number)[];

/** Where a field stands in the file it was read from; lines and columns count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `kind/name`, or `kind/namespace/name`: how people and rule comments name a resource. */
export function resourceId(resource: { readonly kind: string; readonly metadata: Metadata }): string {
  const { namespace, name } = resource.metadata;
  // Not a template: V8 keeps that as the tree of its parts, and indexes are keyed by it (net/prefix.ts).
  return [resource.kind, ...(namespace === undefined ? [] : [namespace]), name].join('/');
}
