/**
 * Resources as a user writes them, as far as the naive evaluator reads them.
 *
 *   arbitrary-resources → Manifest[] → YAML text → src/ ─→ verdict
 *                                    └─────────→ naive/verdict ─→ verdict
 */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: ManifestSpec;
}

/** Every field that any of the kinds has; absent means absent. */
export interface ManifestSpec {
  readonly tier?: string;
  readonly order?: number;
  readonly defaultAction?: string;
  readonly selector?: string;
  readonly namespaceSelector?: string;
  readonly serviceAccountSelector?: string;
  readonly types?: readonly string[];
  readonly ingress?: readonly ManifestRule[];
  readonly egress?: readonly ManifestRule[];
  readonly applyOnForward?: boolean;
  readonly preDNAT?: boolean;
  readonly doNotTrack?: boolean;
  readonly node?: string;
  readonly interfaceName?: string;
  readonly expectedIPs?: readonly string[];
  readonly profiles?: readonly string[];
  readonly ports?: readonly { readonly name?: string; readonly protocol?: string | number; readonly port: number }[];
  readonly labelsToApply?: Readonly<Record<string, string>>;
  readonly nets?: readonly string[];
  readonly ipNetworks?: readonly string[];
  readonly serviceAccountName?: string;
  readonly orchestrator?: string;
  readonly prefixes?: readonly string[];
  readonly type?: string;
  readonly segment?: string;
  readonly router?: string;
  readonly site?: string;
  readonly link?: { readonly interface: { readonly name: string } };
  readonly addresses?: { readonly local?: readonly string[]; readonly remote?: readonly string[] };
  readonly bgp?: Readonly<Record<string, unknown>>;
  readonly interfaces?: readonly {
    readonly name: string;
    readonly addresses?: readonly string[];
    readonly labels?: Readonly<Record<string, string>>;
  }[];
  readonly forwarding?: { readonly defaultAction?: string };
  readonly management?: { readonly interfaces?: readonly string[]; readonly allowFrom?: readonly string[] };
  readonly nodeSelector?: string;
  readonly interfaceExclude?: string;
  readonly defaultEndpointToHostAction?: string;
  readonly failsafeInboundHostPorts?: readonly ManifestFailsafe[];
  readonly failsafeOutboundHostPorts?: readonly ManifestFailsafe[];
  readonly disableConntrackInvalidCheck?: boolean;
  readonly nftablesFilterDenyAction?: string;
  readonly iptablesFilterDenyAction?: string;
  readonly interfacePrefix?: string;
  readonly asNumber?: number;
  readonly stagedAction?: string;
  readonly addressType?: string;
  readonly endpoints?: readonly ManifestSliceEndpoint[];
}

export interface ManifestSliceEndpoint {
  readonly addresses: readonly string[];
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean };
}

export interface ManifestFailsafe {
  readonly protocol?: string;
  readonly port: number;
  readonly net?: string;
}

export interface ManifestRule {
  readonly action: string;
  readonly ipVersion?: number;
  readonly protocol?: string | number;
  readonly notProtocol?: string | number;
  readonly icmp?: { readonly type?: number; readonly code?: number };
  readonly notICMP?: { readonly type?: number; readonly code?: number };
  readonly source?: ManifestSide;
  readonly destination?: ManifestSide;
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
}

export interface ManifestSide {
  readonly nets?: readonly string[];
  readonly notNets?: readonly string[];
  readonly selector?: string;
  readonly notSelector?: string;
  readonly namespaceSelector?: string;
  readonly serviceAccounts?: { readonly names?: readonly string[]; readonly selector?: string };
  readonly ports?: readonly (string | number)[];
  readonly notPorts?: readonly (string | number)[];
  readonly services?: { readonly name: string; readonly namespace: string };
}

export interface NaivePacket {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly icmpType?: number;
  readonly icmpCode?: number;
  readonly ct: 'new' | 'established' | 'related' | 'invalid' | 'untracked';
  /** Where it was sent to, when NAT then changed that. */
  readonly sentTo?: { readonly destination: string; readonly destinationPort?: number };
}

/** Which way: in alone is to the router, out alone from it, both through it. */
export interface NaiveWay {
  readonly in?: string;
  readonly out?: string;
}
