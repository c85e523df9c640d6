/** BGPPeer: which nodes peer with whom (calico-semantics §5.2). */
import type { SecretKeyRef } from './bgp-configuration.ts';

export interface BgpPeerSpec {
  readonly node?: string;
  readonly nodeSelector?: string;
  /** `IP`, `v4:port` or `[v6]:port`. */
  readonly peerIP?: string;
  readonly asNumber?: number | string;
  readonly localASNumber?: number | string;
  readonly peerSelector?: string;
  readonly localWorkloadSelector?: string;
  readonly keepOriginalNextHop?: boolean;
  readonly nextHopMode?: 'Auto' | 'Self' | 'Keep';
  readonly password?: SecretKeyRef;
  readonly sourceAddress?: 'UseNodeIP' | 'None';
  /** Go durations, such as `120s`. */
  readonly maxRestartTime?: string;
  readonly keepaliveTime?: string;
  readonly numAllowedLocalASNumbers?: number;
  readonly ttlSecurity?: number;
  readonly reachableBy?: string;
  readonly filters?: readonly string[];
  readonly reversePeering?: 'Auto' | 'Manual';
}
