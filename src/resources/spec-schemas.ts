/**
 * The schema of every kind's spec, in one table.
 */
import { assertionSchema } from './assertion.ts';
import { attachmentSchema } from './attachment-schema.ts';
import { bgpConfigurationSchema } from './bgp-configuration.ts';
import { bgpFilterSchema } from './bgp-filter.ts';
import { bgpPeerSchema } from './bgp-peer.ts';
import { calicoNodeStatusSchema } from './calico-node-status.ts';
import { endpointSliceSchema } from './endpoint-slice.ts';
import { felixConfigurationSchema } from './felix-configuration.ts';
import { globalNetworkPolicySchema } from './global-network-policy.ts';
import { hostEndpointSchema } from './host-endpoint.ts';
import { ipPoolSchema } from './ip-pool.ts';
import { labelSourceSchema } from './label-source.ts';
import { networkPolicySchema } from './network-policy.ts';
import { networkSetSchema } from './network-set.ts';
import { nodeSchema } from './node.ts';
import { profileSchema } from './profile.ts';
import type { Kind, SpecByKind } from './resource.ts';
import { routerSchema } from './router.ts';
import type { Parser } from './schema.ts';
import { segmentSchema } from './segment.ts';
import { siteSchema } from './site.ts';
import { stagedGlobalNetworkPolicySchema, stagedNetworkPolicySchema } from './staged-network-policy.ts';
import { tierSchema } from './tier.ts';
import { workloadEndpointSchema } from './workload-endpoint.ts';

export const specSchemas: { readonly [K in Kind]: Parser<SpecByKind[K]> } = {
  Tier: tierSchema,
  GlobalNetworkPolicy: globalNetworkPolicySchema,
  NetworkPolicy: networkPolicySchema,
  StagedGlobalNetworkPolicy: stagedGlobalNetworkPolicySchema,
  StagedNetworkPolicy: stagedNetworkPolicySchema,
  GlobalNetworkSet: networkSetSchema,
  NetworkSet: networkSetSchema,
  HostEndpoint: hostEndpointSchema,
  WorkloadEndpoint: workloadEndpointSchema,
  Profile: profileSchema,
  Node: nodeSchema,
  IPPool: ipPoolSchema,
  BGPConfiguration: bgpConfigurationSchema,
  BGPPeer: bgpPeerSchema,
  BGPFilter: bgpFilterSchema,
  FelixConfiguration: felixConfigurationSchema,
  CalicoNodeStatus: calicoNodeStatusSchema,
  Router: routerSchema,
  Site: siteSchema,
  Attachment: attachmentSchema,
  Segment: segmentSchema,
  Assertion: assertionSchema,
  LabelSource: labelSourceSchema,
  EndpointSlice: endpointSliceSchema,
};
