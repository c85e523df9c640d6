/** Site: a network joined to the hub (product.md §2). Its labels are carried by every address in its prefixes. */
export interface SiteSpec {
  readonly type: 'datacenter' | 'vpc' | 'cluster' | 'other';
  /** All that may ever be learned from it; more specific routes inside count too. */
  readonly prefixes?: readonly string[];
  readonly segment?: string;
  readonly provider?: {
    readonly aws?: { readonly account?: string; readonly region?: string; readonly vpcID?: string };
  };
}
