/** Profile: rules and labels that endpoints inherit by naming it (calico-semantics §1.10). */
import type { Rule } from './rule.ts';

export interface ProfileSpec {
  readonly ingress?: readonly Rule[];
  readonly egress?: readonly Rule[];
  readonly labelsToApply?: Readonly<Record<string, string>>;
}

/** Allows everything both ways; built in, never stored, never written by a user. */
export const defaultAllowProfile = 'projectcalico-default-allow';
