/** IPPool: a range of pod addresses; a router needs it for BGP export and kernel routes (calico-semantics §1.12). */
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
