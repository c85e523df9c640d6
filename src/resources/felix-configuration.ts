/** FelixConfiguration: what of Calico's agent settings concerns a router (calico-semantics §1.14, §1.15). */
export interface FelixConfigurationSpec {
  readonly nodeSelector?: string;
  readonly interfacePrefix?: string;
  readonly interfaceExclude?: string;
  readonly failsafeInboundHostPorts?: readonly FailsafePort[];
  readonly failsafeOutboundHostPorts?: readonly FailsafePort[];
  readonly disableConntrackInvalidCheck?: boolean;
  readonly logPrefix?: string;
  readonly logActionRateLimit?: string;
  readonly logActionRateLimitBurst?: number;
  readonly iptablesFilterDenyAction?: 'Drop' | 'Reject';
  readonly nftablesFilterDenyAction?: 'Drop' | 'Reject';
  readonly ipForwarding?: 'Enabled' | 'Disabled';
  readonly ipv6Support?: boolean;
  /** Every other documented field is accepted by type and has no effect on a router. */
  readonly [field: string]: unknown;
}

export interface FailsafePort {
  /** TCP when absent. */
  readonly protocol?: string;
  readonly port: number;
  /** Source for inbound, destination for outbound. */
  readonly net?: string;
}
