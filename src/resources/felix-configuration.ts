/**
 * FelixConfiguration: what of Calico's agent settings concerns a router (semantics §1.14, §1.15).
 *
 * Invariant: fields that a router obeys are checked in full; Calico's other documented fields are accepted by type, so
 * that a cluster's configuration can be used as it is; anything else is refused.
 */

import { parseAddressOrCidr } from '../net/prefix.ts';
import { duration, plainText, selector } from './fields.ts';
import {
  boolean,
  type Field,
  type Fields,
  integer,
  isRecord,
  list,
  object,
  omitEmpty,
  oneOf,
  oneOfAnyCase,
  optional,
  type Parser,
  report,
  required,
  showValue,
  text,
  wrongType,
} from './schema.ts';

export interface FelixConfigurationSpec {
  readonly nodeSelector?: string;
  readonly interfacePrefix?: string;
  readonly interfaceExclude?: string;
  readonly failsafeInboundHostPorts?: readonly FailsafePort[];
  readonly failsafeOutboundHostPorts?: readonly FailsafePort[];
  readonly defaultEndpointToHostAction?: 'Drop' | 'Return' | 'Accept';
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

const net = text((value) =>
  parseAddressOrCidr(value)
    ? undefined
    : `${showValue(value)} is neither an address nor a CIDR: write such as 10.0.0.0/8`,
);

const failsafePorts = list(
  object<FailsafePort>({
    protocol: omitEmpty(oneOfAnyCase('TCP', 'UDP', 'SCTP')),
    port: required(integer(0, 65_535)),
    net: omitEmpty(net),
  }),
);

const markMask: Parser<number> = (value, at) => {
  const parsed = integer(0, 0xffffffff)(value, at);
  if (parsed === undefined) return undefined;
  const bits = parsed.toString(2).replaceAll('0', '').length;
  return bits >= 8 ? parsed : report(at, `has ${bits} bits set: at least 8 are needed, such as 0xffff0000`);
};

const interfacePrefixes = text((value) =>
  value.split(',').every((entry) => /^[A-Za-z0-9_-]{1,15}$/.test(entry))
    ? undefined
    : `${showValue(value)} is no list of interface prefixes: write names joined by ",", such as cali,tap`,
);

const interfaceExclusions = text((value) => {
  for (const entry of value.split(',')) {
    if (entry.length > 1 && entry.startsWith('/') && entry.endsWith('/')) {
      if (!isRegularExpression(entry.slice(1, -1))) return `${showValue(entry)} is no regular expression`;
    } else if (!/^[A-Za-z0-9_.:-]{1,15}$/.test(entry)) {
      return `${showValue(entry)} is no interface name: write names or /expressions/ joined by ","`;
    }
  }
  return undefined;
}, 1024);

function isRegularExpression(source: string): boolean {
  try {
    // Running it once also finds the expression that is too large to compile.
    return typeof new RegExp(source).test('eth0') === 'boolean';
  } catch {
    return false;
  }
}

const severity = omitEmpty(oneOfAnyCase('Trace', 'Debug', 'Info', 'Warning', 'Error', 'Fatal'));
const acceptOrReturn = omitEmpty(oneOfAnyCase('Accept', 'Return'));
const dropOrReject = omitEmpty(oneOfAnyCase('Drop', 'Reject'));
const switched = omitEmpty(oneOf('Enabled', 'Disabled'));
const priority = optional(integer(1, 2_147_483_646));

const anyText: Parser<string> = plainText;
const anyInteger = integer(-1, Number.MAX_SAFE_INTEGER);
const portRange: Parser<string | number> = (value, at) =>
  typeof value === 'number' ? anyInteger(value, at) : anyText(value, at);
const anyObject: Parser<unknown> = (value, at) => (isRecord(value) ? value : wrongType(at, value, 'an object'));

const effective: Readonly<Record<string, Field<unknown>>> = {
  nodeSelector: omitEmpty(selector),
  interfacePrefix: omitEmpty(interfacePrefixes),
  interfaceExclude: omitEmpty(interfaceExclusions),
  // An empty list is meaningful here: it switches the failsafes off.
  failsafeInboundHostPorts: optional(failsafePorts),
  failsafeOutboundHostPorts: optional(failsafePorts),
  defaultEndpointToHostAction: omitEmpty(oneOfAnyCase('Drop', 'Return', 'Accept')),
  chainInsertMode: omitEmpty(oneOfAnyCase('Insert', 'Append')),
  iptablesFilterAllowAction: acceptOrReturn,
  iptablesMangleAllowAction: acceptOrReturn,
  iptablesFilterDenyAction: dropOrReject,
  nftablesFilterAllowAction: acceptOrReturn,
  nftablesMangleAllowAction: acceptOrReturn,
  nftablesFilterDenyAction: dropOrReject,
  nftablesMode: omitEmpty(oneOfAnyCase('Enabled', 'Disabled', 'Auto')),
  nftablesFlowTableOffload: omitEmpty(oneOfAnyCase('All', 'Disabled')),
  disableConntrackInvalidCheck: optional(boolean),
  iptablesMarkMask: optional(markMask),
  nftablesMarkMask: optional(markMask),
  logPrefix: omitEmpty(
    text(
      (value) =>
        /^[A-Za-z0-9%: /_-]*$/.test(value)
          ? undefined
          : `${showValue(value)} is no log prefix: write letters, digits, blanks and any of % : / _ -`,
      127,
    ),
  ),
  logActionRateLimit: omitEmpty(
    text((value) =>
      /^[1-9][0-9]{0,3}\/(?:second|minute|hour|day)$/.test(value)
        ? undefined
        : `${showValue(value)} is no rate: write 1 to 9999, "/", and second, minute, hour or day`,
    ),
  ),
  logActionRateLimitBurst: optional(integer(0, 9999)),
  logSeverityScreen: severity,
  logSeverityFile: severity,
  logSeveritySys: severity,
  ipForwarding: switched,
  ipv6Support: optional(boolean),
  serviceLoopPrevention: omitEmpty(oneOfAnyCase('Drop', 'Reject', 'Disabled')),
  deviceRouteProtocol: optional(integer(0, 255)),
  ipv4NormalRoutePriority: priority,
  ipv4ElevatedRoutePriority: priority,
  ipv6NormalRoutePriority: priority,
  ipv6ElevatedRoutePriority: priority,
};

const structured: Readonly<Record<string, Field<unknown>>> = {
  bpfConntrackTimeouts: optional(anyObject),
  bpfDSROptoutCIDRs: optional(list(net)),
  bpfExcludeCIDRsFromNAT: optional(list(net)),
  bpfForceTrackPacketsFromIfaces: optional(list(anyText)),
  bpfLogFilters: optional(anyObject),
  bpfPSNATPorts: optional(portRange),
  externalNodesList: optional(list(net)),
  healthTimeoutOverrides: optional(list(object({ name: required(anyText), timeout: required(duration) }))),
  istioDSCPMark: optional(portRange),
  kubeNodePortRanges: optional(list(portRange, { max: 7 })),
  natPortRange: optional(portRange),
  routeTableRange: optional(anyObject),
  routeTableRanges: optional(list(anyObject)),
};

/** Calico's documented fields that have no effect on a router, by the type of their value. */
const idleBooleans = words(`
  allowIPIPPacketsFromWorkloads allowVXLANPacketsFromWorkloads bpfConnectTimeLoadBalancingEnabled
  bpfDisableUnprivileged bpfEnabled bpfHostConntrackBypass bpfIPFragmentReassemblyEnabled
  bpfKubeProxyEndpointSlicesEnabled bpfKubeProxyIptablesCleanupEnabled bpfPolicyDebugEnabled
  debugDisableLogDropping endpointReportingEnabled flowLogsCollectorDebugTrace genericXDPEnabled healthEnabled
  ipipEnabled prometheusGoMetricsEnabled prometheusMetricsEnabled prometheusProcessMetricsEnabled
  prometheusWireGuardMetricsEnabled removeExternalRoutes requireMTUFile routeSyncDisabled
  sidecarAccelerationEnabled usageReportingEnabled useInternalDataplaneDriver vxlanEnabled wireguardEnabled
  wireguardEnabledV6 wireguardHostEncryptionEnabled wireguardThreadingEnabled xdpEnabled
`);
const idleIntegers = words(`
  bpfExportBufferSizeMB bpfExtToServiceConnmark bpfKubeProxyHealthzPort bpfMaglevMaxEndpointsPerService
  bpfMaglevMaxServices bpfMapSizeConntrack bpfMapSizeConntrackCleanupQueue bpfMapSizeIfState bpfMapSizeIPSets
  bpfMapSizeNATAffinity bpfMapSizeNATBackend bpfMapSizeNATFrontend bpfMapSizePerCpuConntrack bpfMapSizeRoute
  debugPort deviceRouteProtocol goGCThreshold goMaxProcs goMemoryLimitMB healthPort ipipMTU
  iptablesLockTimeoutSecs iptablesMarkMask ipv4ElevatedRoutePriority ipv4NormalRoutePriority
  ipv6ElevatedRoutePriority ipv6NormalRoutePriority maxIpsetSize metadataPort nftablesMarkMask
  prometheusMetricsPort vxlanMTU vxlanMTUV6 vxlanPort vxlanVNI wireguardListeningPort wireguardListeningPortV6
  wireguardMTU wireguardMTUV6 wireguardRoutingRulePriority
`);
const idleDurations = words(`
  bpfIPFragTimeout bpfKubeProxyMinSyncPeriod dataplaneWatchdogTimeout debugSimulateCalcGraphHangAfter
  debugSimulateDataplaneApplyDelay debugSimulateDataplaneHangAfter endpointReportingDelay flowLogsFlushInterval
  interfaceRefreshInterval ipsetsRefreshInterval iptablesLockProbeInterval iptablesLockTimeout
  iptablesPostWriteCheckInterval iptablesRefreshInterval liveMigrationRouteConvergenceTime
  localSubnetL2ReachabilityRefreshInterval netlinkTimeout nftablesRefreshInterval reportingInterval reportingTTL
  routeRefreshInterval usageReportingInitialDelay usageReportingInterval wireguardKeepAlive xdpRefreshInterval
`);
const idleTexts = words(`
  awsSrcDstCheck bpfAttachType bpfConnectTimeLoadBalancing bpfConntrackLogLevel bpfConntrackMode bpfCTLBLogFilter
  bpfDataIfacePattern bpfDisableGROForIfaces bpfEnforceRPF bpfExternalServiceMode bpfHostNetworkedNATWithoutCTLB
  bpfJITHardening bpfL3IfacePattern bpfLogLevel bpfMapSizeConntrackScaling bpfOverlayHostSourceIP bpfProfiling
  bpfRedirectToPeer cgroupV2Path dataplaneDriver debugHost debugMemoryProfilePath deviceRouteSourceAddress
  deviceRouteSourceAddressIPv6 endpointStatusPathPrefix featureDetectOverride featureGates floatingIPs
  flowLogsGoldmaneServer flowLogsLocalReporter flowLogsPolicyEvaluationMode healthHost iptablesBackend
  iptablesLockFilePath iptablesNATOutgoingInterfaceFilter istioAmbientMode localSubnetL2Reachability
  logDebugFilenameRegex logFilePath metadataAddr mtuIfacePattern natOutgoingAddress natOutgoingExclusions
  openstackRegion policySyncPathPrefix programClusterRoutes prometheusMetricsCAFile prometheusMetricsCertFile
  prometheusMetricsClientAuth prometheusMetricsHost prometheusMetricsKeyFile routeSource
  windowsManageFirewallRules wireguardInterfaceName wireguardInterfaceNameV6 workloadSourceSpoofing
`);

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

function allOf(names: readonly string[], field: Field<unknown>): Readonly<Record<string, Field<unknown>>> {
  return Object.fromEntries(names.map((name) => [name, field]));
}

const fields = {
  ...allOf(idleBooleans, optional(boolean)),
  ...allOf(idleIntegers, optional(anyInteger)),
  ...allOf(idleDurations, omitEmpty(duration)),
  ...allOf(idleTexts, omitEmpty(anyText)),
  ...structured,
  ...effective,
};

export const felixConfigurationSchema = object<FelixConfigurationSpec>(fields as Fields<FelixConfigurationSpec>);
