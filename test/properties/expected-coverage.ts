/**
 * What the search of resources-agree must have met: the fields of semantics §1 to §3 that concern a host endpoint.
 *
 * Written from the reference, not from the generators: a field that a generator forgets is missed here.
 */

const sideFields = [
  'nets',
  'notNets',
  'selector',
  'notSelector',
  'namespaceSelector',
  'namespaceSelector=global()',
  'namespaceSelector=all()',
  'serviceAccounts',
  'serviceAccounts.names',
  'serviceAccounts.selector',
  'ports',
  'ports by number',
  'ports by range',
  'ports by name',
  'notPorts',
  'notPorts by number',
  'notPorts by name',
];

const ruleFields = [
  ...['Allow', 'Deny', 'Pass', 'Log'].map((action) => `action=${action}`),
  ...['ipVersion=4', 'ipVersion=6', 'metadata'],
  ...['TCP', 'UDP', 'ICMP', 'ICMPv6', 'SCTP', 'UDPLite', '6', '1', '58', '47', '112'].map((p) => `protocol=${p}`),
  ...['TCP', '17', 'ICMP', '58'].map((p) => `notProtocol=${p}`),
  ...['icmp.type', 'icmp.code', 'notICMP.type', 'notICMP.code'],
  ...sideFields.flatMap((field) => [`source.${field}`, `destination.${field}`]),
];

const ofKinds: Readonly<Record<string, readonly string[]>> = {
  GlobalNetworkPolicy: [
    ...['tier', 'order', 'selector', 'namespaceSelector', 'serviceAccountSelector'],
    ...['types=Ingress', 'types=Egress', 'types (empty)', 'ingress (empty)', 'egress (empty)'],
    ...['applyOnForward', 'doNotTrack', 'preDNAT'],
    ...ruleFields.map((field) => `rule.${field}`),
    ...['rule.source.services', 'rule.destination.services'],
  ],
  StagedGlobalNetworkPolicy: ['ingress', 'stagedAction=Set', 'stagedAction=Delete'],
  NetworkPolicy: ['ingress'],
  Tier: ['order', 'defaultAction=Pass', 'defaultAction=Deny'],
  Profile: ['labelsToApply', 'ingress', 'egress', ...ruleFields.map((field) => `rule.${field}`)],
  HostEndpoint: [
    ...['labels', 'node', 'interfaceName', 'interfaceName=*', 'interfaceName=lo', 'interfaceName=kube-ipvs0'],
    ...['expectedIPs', 'profiles', 'ports', 'ports.name', 'ports.protocol', 'ports.port'],
  ],
  WorkloadEndpoint: ['labels', 'ipNetworks', 'profiles', 'serviceAccountName', 'ports'],
  NetworkSet: ['labels', 'nets'],
  GlobalNetworkSet: ['labels', 'nets'],
  EndpointSlice: ['endpoints.conditions.ready', 'endpoints.conditions.serving', 'ports', 'ports.protocol'],
  Site: ['labels', 'prefixes'],
  Attachment: ['link', 'bgp', 'static'],
  Router: ['forwarding.defaultAction=Allow', 'forwarding.defaultAction=Deny', 'management.allowFrom'],
  FelixConfiguration: [
    ...['nodeSelector', 'failsafeInboundHostPorts.net', 'failsafeOutboundHostPorts.net'],
    ...['failsafeInboundHostPorts.protocol=SCTP', 'failsafeInboundHostPorts (empty)'],
    ...['disableConntrackInvalidCheck=true', 'interfaceExclude=/^eth[2-9]/,lo', 'interfacePrefix=cali,tap'],
    ...['nftablesFilterDenyAction=Reject', 'iptablesFilterDenyAction=Reject'],
    ...['defaultEndpointToHostAction=Accept', 'defaultEndpointToHostAction=Return'],
  ],
};

/** What must stand in some resources. */
export const expectedFields: readonly string[] = [
  'several HostEndpoints on an interface',
  ...Object.entries(ofKinds).flatMap(([kind, fields]) => [kind, ...fields.map((field) => `${kind} ${field}`)]),
];

/** What must have been in a rule that decided a packet, once as an Allow and once as a Deny. */
export const expectedDecisions: readonly string[] = ['Allow', 'Deny'].flatMap((action) =>
  [...ruleFields.filter((field) => !field.startsWith('action=')), 'source.services', 'destination.services'].map(
    (field) => `decided ${action}: ${field}`,
  ),
);

/** The packets and the verdicts that must have been. */
export const expectedPackets: readonly string[] = [
  ...['to', 'from', 'through'].map((way) => `way ${way} the router`),
  ...[4, 6].map((family) => `packet of IPv${family}`),
  ...[6, 17, 132, 136, 1, 58, 47, 112].map((protocol) => `packet of protocol ${protocol}`),
  ...['new', 'established', 'related', 'invalid', 'untracked'].map((ct) => `packet ${ct}`),
  ...['arrived', 'from the router'].map((how) => `packet after NAT, ${how}`),
  ...['untracked-ingress', 'untracked-egress', 'preDNAT-ingress', 'forward-ingress', 'forward-egress']
    .concat('normal-ingress', 'normal-egress')
    .flatMap((stage) => [`accept in ${stage} by a GlobalNetworkPolicy`, `drop in ${stage} by a GlobalNetworkPolicy`]),
  ...['normal-ingress', 'normal-egress'].flatMap((stage) => [
    ...[`accept in ${stage} by a Profile`, `drop in ${stage} by a Profile`, `reject in ${stage} by a Profile`],
    ...[`accept in ${stage} by no rule`, `drop in ${stage} by no rule`, `reject in ${stage} by no rule`],
  ]),
  ...['forward-ingress', 'forward-egress'].flatMap((stage) => [
    ...[`drop in ${stage} by no rule`, `reject in ${stage} by no rule`],
    `reject in ${stage} by a GlobalNetworkPolicy`,
  ]),
  ...['accept', 'drop'].map((verdict) => `${verdict} in default by no rule`),
];
