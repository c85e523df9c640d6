/** One full manifest of every kind, as their users write them, is accepted whole and prints back equal. */
import { expect, it } from 'vitest';
import { parseFile } from './document.ts';
import { kinds } from './kinds.ts';
import { printResources } from './text.ts';

const calico = `
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: platform}
spec: {order: 100, defaultAction: Pass}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: platform.allow-tcp-6379}
spec:
  tier: platform
  order: 500.5
  selector: role == 'database'
  types: [Ingress, Egress]
  ingress:
    - action: Allow
      metadata: {annotations: {from: frontend}}
      protocol: TCP
      source: {selector: role == 'frontend', notNets: [10.9.0.0/16]}
      destination: {ports: [6379]}
  egress:
    - action: Allow
  applyOnForward: true
  performanceHints: [AssumeNeededOnEveryNode]
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: allow-web, namespace: production}
spec:
  selector: app == "web"
  serviceAccountSelector: team == 'web'
  ingress:
    - action: Allow
      protocol: UDP
      source: {namespaceSelector: env == 'prod', serviceAccounts: {names: [api], selector: all()}}
      destination: {ports: ["1000:2000", metrics]}
---
apiVersion: projectcalico.org/v3
kind: StagedGlobalNetworkPolicy
metadata: {name: preview}
spec: {stagedAction: Set, selector: all(), types: [Ingress]}
---
apiVersion: projectcalico.org/v3
kind: StagedNetworkPolicy
metadata: {name: old, namespace: a}
spec: {stagedAction: Delete}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: google, labels: {role: dns}}
spec: {nets: [198.51.100.0/28, 203.0.113.1, "2001:db8::/32"]}
---
apiVersion: projectcalico.org/v3
kind: NetworkSet
metadata: {name: partners, namespace: a}
spec: {nets: [198.51.100.0/28]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata:
  name: myhost.eth0
  labels: {type: production}
  annotations: {qos.projectcalico.org/dscp: AF41}
spec:
  interfaceName: eth0
  node: myhost
  expectedIPs: [192.168.0.1, 192.168.0.2]
  profiles: [profile1]
  ports:
    - {name: some-port, port: 1234, protocol: TCP}
    - {name: another-port, port: 5432, protocol: UDP}
---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata:
  name: node--1-k8s-nginx-eth0
  namespace: a
  labels: {projectcalico.org/namespace: a, projectcalico.org/orchestrator: k8s, app: nginx}
spec:
  node: node-1
  orchestrator: k8s
  pod: nginx
  endpoint: eth0
  containerID: 1337495556942031415926535
  ipNetworks: [192.168.0.9/32]
  ipv4Gateway: 192.168.0.1
  interfaceName: cali0ef24ba
  mac: ca:fe:1d:52:bb:e9
  profiles: [kns.a, ksa.a.default]
  ports:
    - {name: http, port: 80, protocol: TCP}
---
apiVersion: projectcalico.org/v3
kind: Profile
metadata: {name: profile1, labels: {profile: profile1}}
spec:
  ingress:
    - {action: Deny, source: {nets: [10.0.20.0/24]}}
    - {action: Allow, source: {selector: profile == 'profile1'}}
  egress:
    - {action: Allow}
  labelsToApply: {team: blue}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: node-1, labels: {rack: r1}}
spec:
  addresses: [{address: 10.244.0.1/24, type: CalicoNodeIP}, {address: 10.0.0.9, type: InternalIP}]
  bgp: {asNumber: "64512", ipv4Address: 10.244.0.1/24, ipv6Address: "2001:db8:85a3::8a2e:370:7334/120", ipv4IPIPTunnelAddr: 192.168.0.1, routeReflectorClusterID: 244.0.0.1}
  orchRefs: [{nodeName: node-1, orchestrator: k8s}]
status: {podCIDRs: [10.1.0.0/24]}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: my.ippool-1}
spec: {cidr: 10.1.0.0/16, ipipMode: CrossSubnet, natOutgoing: true, disabled: false, nodeSelector: all(), allowedUses: [Workload, Tunnel]}
---
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: {name: default}
spec:
  logSeverityScreen: Info
  nodeToNodeMeshEnabled: true
  nodeMeshMaxRestartTime: 120s
  asNumber: 63400
  serviceClusterIPs: [{cidr: 10.96.0.0/12}]
  serviceExternalIPs: [{cidr: 104.244.42.129/32}, {cidr: 172.217.3.0/24}]
  listenPort: 178
  bindMode: NodeIP
  ignoredInterfaces: [docker0, br-*]
  communities: [{name: bgp-large-community, value: "63400:300:100"}]
  prefixAdvertisements: [{cidr: 172.218.4.0/26, communities: [bgp-large-community, "63400:120"]}]
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: some.name}
spec:
  node: rack1-host1
  peerIP: "192.168.1.1:1179"
  asNumber: 63400
  localASNumber: 65001
  password: {secretKeyRef: {name: bgp-secrets, key: rr-password}}
  sourceAddress: None
  keepaliveTime: 30s
  ttlSecurity: 1
  numAllowedLocalASNumbers: 1
  filters: [my-filter]
---
apiVersion: projectcalico.org/v3
kind: BGPFilter
metadata: {name: my-filter}
spec:
  exportV4:
    - {action: Accept, matchOperator: In, cidr: 77.0.0.0/16, source: RemotePeers, interface: "*.cali", peerType: eBGP}
    - action: Accept
      communities: {values: ["65000:100"]}
      asPathPrefix: [65000, "65001"]
      priority: 512
      operations: [{addCommunity: {value: "65000:200:1"}}, {prependASPath: {prefix: [65000]}}, {setPriority: {value: 100}}]
  importV4: [{action: Reject, matchOperator: NotIn, cidr: 44.0.0.0/8, prefixLength: {min: 16, max: 24}}]
  exportV6: [{action: Reject, interface: eth0}]
  importV6: [{action: Accept, matchOperator: NotEqual, cidr: "2000:db8::/64"}]
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: default}
spec:
  ipv6Support: false
  ipipMTU: 1400
  chainInsertMode: Append
  bpfLogLevel: ""
  failsafeInboundHostPorts: [{net: 0.0.0.0/0, port: 22, protocol: tcp}, {port: 179}]
  reportingInterval: 0s
  logPrefix: "calico %t %n"
  interfaceExclude: kube-ipvs0,/^docker/
---
apiVersion: projectcalico.org/v3
kind: CalicoNodeStatus
metadata: {name: my-caliconodestatus-1}
spec: {classes: [Agent, BGP, Routes], node: my-kadm-node-0, updatePeriodSeconds: 10}
`;

const causeway = `
apiVersion: causeway.dev/v1
kind: Router
metadata: {name: tr1, labels: {zone: a}}
spec:
  role: transit
  asNumber: 64520
  routerID: 10.0.0.1
  interfaces: [{name: eth0, addresses: [10.0.0.1/24, "fd00::1/64"], labels: {side: hub}}, {name: wg.1}]
  redundancyGroup: hub
  forwarding: {defaultAction: Deny}
  management: {interfaces: [eth0], allowFrom: [10.0.0.0/24]}
---
apiVersion: causeway.dev/v1
kind: Site
metadata: {name: dc, labels: {env: prod}}
spec:
  type: datacenter
  prefixes: [172.16.0.0/12, "fd10::/32"]
  segment: core
  provider: {aws: {account: "123456789012", region: eu-central-1, vpcID: vpc-0123456789abcdef0}}
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: {name: tr1-dc}
spec:
  router: tr1
  site: dc
  link: {vlan: {parent: eth1, id: 101}}
  addresses: {local: [169.254.0.2/30, "fd00:1::2/126"], remote: [169.254.0.1, "fd00:1::1"]}
  mtu: 1500
  mssClamp: 1360
  bgp:
    asNumber: 65010
    localASNumber: "1.10"
    password: {secretRef: {name: dc, key: bgp.password}}
    holdTime: 30s
    keepaliveTime: 10s
    bfd: {minInterval: 300ms, multiplier: 3}
    gracefulRestart: 120s
    ttlSecurity: 1
    maxPrefixes: {import: {ipv4: {limit: 100, action: block}}}
    preference: primary
    communities: ["64520:1"]
    nextHopSelf: false
    allowLocalAS: 1
    overrideAS: true
    aggregate: [10.0.0.0/8]
    importFilters: [in]
    exportFilters: [out]
    passive: true
---
apiVersion: causeway.dev/v1
kind: Segment
metadata: {name: core}
spec: {exchangeWith: [edge], isolated: true}
---
apiVersion: causeway.dev/v1
kind: Assertion
metadata: {name: web-reaches-database}
spec: {from: {selector: app == 'web'}, to: {nets: [172.16.0.0/16]}, protocol: TCP, ports: [5432], expect: Allow, via: tr1}
---
apiVersion: causeway.dev/v1
kind: LabelSource
metadata: {name: spoke-a}
spec: {kubernetes: {kubeconfig: /etc/causeway/spoke-a.kubeconfig}, staleness: {maxAge: 5m, action: keep}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-x7k2p, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv6
endpoints: [{addresses: ["fd00:1::1"], conditions: {ready: true, serving: true, terminating: false}}]
ports: [{name: http, port: 8080, protocol: TCP}]
`;

it('accepts a typical manifest of every kind', () => {
  const { resources, errors, warnings } = parseFile({ path: 'f', text: `${calico}---${causeway}` });

  expect(errors).toEqual([]);
  expect(warnings).toEqual([]);
  expect(resources.map(({ resource }) => resource.kind)).toEqual(kinds.map((entry) => entry.kind));
});

it.each(['yaml', 'json'] as const)('prints them as %s that reads back equal', (format) => {
  const original = parseFile({ path: 'f', text: `${calico}---${causeway}` }).resources.map((entry) => entry.resource);
  const again = parseFile({ path: 'f', text: printResources(original, format) });

  expect(again.errors).toEqual([]);
  expect(again.resources.map((entry) => entry.resource)).toEqual(original);
});
