/** LabelSource: where labels of addresses come from; validated and kept, not yet read (product.md §2). Exactly one source. */
export interface LabelSourceSpec {
  readonly aws?: {
    readonly accounts?: readonly string[];
    readonly regions?: readonly string[];
    readonly tagKeys?: readonly string[];
  };
  readonly kubernetes?: { readonly kubeconfig?: string; readonly context?: string };
  readonly etcd?: { readonly endpoints: readonly string[] };
  readonly staleness?: {
    /** Go duration after which labels of a silent source count as stale. */
    readonly maxAge?: string;
    /** What happens then; keep unless said. */
    readonly action?: 'keep' | 'drop';
  };
}
