/** Assertion: an intent that must stay true; validated and kept, not yet proved. */

import { parseCalicoProtocol } from '../net/ip-protocol.ts';
import { name, prefix, protocol, rulePort, selector } from './fields.ts';
import { type Check, child, exactlyOne, list, object, omitEmpty, oneOf, optional, report, required } from './schema.ts';

export interface AssertionSpec {
  readonly from: AssertionEnd;
  readonly to: AssertionEnd;
  readonly protocol?: string | number;
  readonly ports?: readonly (string | number)[];
  readonly expect: 'Allow' | 'Deny';
  /** A Router that the traffic goes through. */
  readonly via?: string;
}

/** Exactly one key is present. */
export interface AssertionEnd {
  readonly selector?: string;
  readonly nets?: readonly string[];
  readonly site?: string;
}

const end = object<AssertionEnd>(
  { selector: omitEmpty(selector), nets: omitEmpty(list(prefix(), { unique: true })), site: omitEmpty(name) },
  exactlyOne<AssertionEnd>('selector', 'nets', 'site'),
);

const portRules: Check<AssertionSpec> = (value, at, has) => {
  if (!has('ports')) return;
  const number = value.protocol === undefined ? undefined : parseCalicoProtocol(value.protocol);
  if (number === 6 || number === 17 || number === 132 || (has('protocol') && number === undefined)) return;
  report(child(at, 'ports'), 'ports need protocol TCP, UDP or SCTP: add it, or remove ports', 'key');
};

export const assertionSchema = object<AssertionSpec>(
  {
    from: required(end),
    to: required(end),
    protocol: optional(protocol),
    ports: omitEmpty(list(rulePort)),
    expect: required(oneOf('Allow', 'Deny')),
    via: omitEmpty(name),
  },
  portRules,
);
