/** IPPool: a range of pod addresses; a router needs it for BGP export and kernel routes (semantics §1.12). */
import { containsAddress, containsPrefix, networkAddress, parsePrefix } from '../net/prefix.ts';
import { prefix, selector } from './fields.ts';
import { boolean, type Check, child, integer, list, object, omitEmpty, oneOf, report, required } from './schema.ts';

export interface IpPoolSpec {
  readonly cidr: string;
  readonly ipipMode?: EncapsulationMode;
  readonly vxlanMode?: EncapsulationMode;
  readonly natOutgoing?: boolean;
  readonly disabled?: boolean;
  readonly disableBGPExport?: boolean;
  readonly blockSize?: number;
  readonly nodeSelector?: string;
  readonly namespaceSelector?: string;
  readonly allowedUses?: readonly ('Workload' | 'Tunnel' | 'LoadBalancer')[];
  readonly assignmentMode?: 'Automatic' | 'Manual';
}

export type EncapsulationMode = 'Never' | 'Always' | 'CrossSubnet';

const encapsulation = omitEmpty(oneOf('Never', 'Always', 'CrossSubnet'), 'Never');

const rangeRules: Check<IpPoolSpec> = (value, at) => {
  const cidr = value.cidr === undefined ? undefined : parsePrefix(value.cidr);
  if (!cidr) return;
  for (const reserved of ['169.254.0.0/16', 'fe80::/10'].map(parsePrefix)) {
    if (reserved && (containsPrefix(reserved, cidr) || containsAddress(cidr, networkAddress(reserved)))) {
      report(child(at, 'cidr'), `${value.cidr} overlaps the link-local range: choose another`);
    }
  }
  const [shortest, longest] = cidr.family === 4 ? [20, 32] : [116, 128];
  const blockSize = value.blockSize;
  if (blockSize !== undefined && (blockSize < shortest || blockSize > longest)) {
    report(
      child(at, 'blockSize'),
      `${blockSize} is out of range: write ${shortest} to ${longest} for IPv${cidr.family}`,
    );
  } else if (value.disabled !== true && cidr.length > (blockSize ?? (cidr.family === 4 ? 26 : 122))) {
    report(
      child(at, 'cidr'),
      `${value.cidr} is smaller than one block (/${blockSize ?? (cidr.family === 4 ? 26 : 122)}): use a larger pool or a larger blockSize`,
    );
  }
  if (cidr.family === 6 && value.ipipMode !== undefined && value.ipipMode !== 'Never') {
    report(child(at, 'ipipMode'), 'IPIP carries IPv4 only: write Never for an IPv6 pool');
  }
};

const encapsulationRule: Check<IpPoolSpec> = (value, at) => {
  const isOn = (mode: EncapsulationMode | undefined): boolean => mode !== undefined && mode !== 'Never';
  if (isOn(value.ipipMode) && isOn(value.vxlanMode)) {
    report(child(at, 'vxlanMode'), 'vxlanMode and ipipMode cannot both be on: write Never for one');
  }
};

const loadBalancerRule: Check<IpPoolSpec> = (value, at, has) => {
  if (value.allowedUses?.includes('LoadBalancer') !== true) return;
  if (value.allowedUses.length > 1)
    report(child(at, 'allowedUses'), 'LoadBalancer cannot be combined with other uses: make two pools');
  if (has('nodeSelector') && value.nodeSelector !== undefined && value.nodeSelector.trim() !== 'all()') {
    report(child(at, 'nodeSelector'), 'a LoadBalancer pool belongs to no node: write all()');
  }
  if (value.disableBGPExport === true)
    report(child(at, 'disableBGPExport'), 'a LoadBalancer pool must be exported: remove it');
  for (const field of ['ipipMode', 'vxlanMode'] as const) {
    if (value[field] !== undefined && value[field] !== 'Never')
      report(child(at, field), 'a LoadBalancer pool has no encapsulation: write Never');
  }
};

export const ipPoolSchema = object<IpPoolSpec>(
  {
    cidr: required(prefix()),
    ipipMode: encapsulation,
    vxlanMode: encapsulation,
    natOutgoing: omitEmpty(boolean),
    disabled: omitEmpty(boolean),
    disableBGPExport: omitEmpty(boolean),
    blockSize: omitEmpty(integer(0, 128)),
    nodeSelector: omitEmpty(selector, 'all()'),
    namespaceSelector: omitEmpty(selector),
    allowedUses: omitEmpty(list(oneOf('Workload', 'Tunnel', 'LoadBalancer'), { unique: true }), ['Workload', 'Tunnel']),
    assignmentMode: omitEmpty(oneOf('Automatic', 'Manual'), 'Automatic'),
  },
  rangeRules,
  encapsulationRule,
  loadBalancerRule,
);
