/** CalicoNodeStatus: what Calico reports of a node's BGP (calico-semantics §1.17); its status is our output. */
export interface CalicoNodeStatusSpec {
  readonly node: string;
  readonly classes: readonly ('Agent' | 'BGP' | 'Routes')[];
  readonly updatePeriodSeconds: number;
}
