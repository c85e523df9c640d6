/** WorkloadEndpoint: a pod somewhere; for a router a source of addresses and labels (calico-semantics §1.9). */
import type { EndpointPort } from './host-endpoint.ts';

export interface WorkloadEndpointSpec {
  readonly orchestrator?: string;
  readonly workload?: string;
  readonly node?: string;
  readonly containerID?: string;
  readonly pod?: string;
  readonly endpoint?: string;
  readonly serviceAccountName?: string;
  /** Host prefixes only (/32, /128). */
  readonly ipNetworks?: readonly string[];
  readonly ipNATs?: readonly { readonly internalIP?: string; readonly externalIP?: string }[];
  readonly ipv4Gateway?: string;
  readonly ipv6Gateway?: string;
  readonly profiles?: readonly string[];
  readonly interfaceName?: string;
  readonly mac?: string;
  readonly ports?: readonly (EndpointPort & { readonly hostPort?: number; readonly hostIP?: string })[];
  readonly allowSpoofedSourcePrefixes?: readonly string[];
  readonly qosControls?: Readonly<Record<string, unknown>>;
}
