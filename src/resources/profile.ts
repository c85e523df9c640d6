/** Profile: rules and labels that endpoints inherit by naming it (semantics §1.10). */
import { labelValueProblem, qualifiedNameProblem } from './fields.ts';
import type { Rule } from './rule.ts';
import { ruleList } from './rule-schema.ts';
import { object, omitEmpty, textMap } from './schema.ts';

export interface ProfileSpec {
  readonly ingress?: readonly Rule[];
  readonly egress?: readonly Rule[];
  readonly labelsToApply?: Readonly<Record<string, string>>;
}

/** Allows everything both ways; built in, never stored, never written by a user. */
export const defaultAllowProfile = 'projectcalico-default-allow';

export const profileSchema = object<ProfileSpec>({
  ingress: omitEmpty(ruleList({ direction: 'ingress', namespaced: false })),
  egress: omitEmpty(ruleList({ direction: 'egress', namespaced: false })),
  labelsToApply: omitEmpty(textMap(qualifiedNameProblem, labelValueProblem)),
});
