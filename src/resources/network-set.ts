/** GlobalNetworkSet and NetworkSet: labelled addresses that rule selectors find (calico-semantics §1.7). */
export interface NetworkSetSpec {
  /** Bare addresses or CIDRs, host bits allowed, both families. */
  readonly nets?: readonly string[];
}
