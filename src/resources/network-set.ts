/** GlobalNetworkSet and NetworkSet: labelled addresses that rule selectors find (semantics §1.7). */
import { cidrOrAddress } from './fields.ts';
import { list, object, omitEmpty } from './schema.ts';

export interface NetworkSetSpec {
  /** Bare addresses or CIDRs, host bits allowed, both families. */
  readonly nets?: readonly string[];
}

export const networkSetSchema = object<NetworkSetSpec>({ nets: omitEmpty(list(cidrOrAddress(), { unique: true })) });
