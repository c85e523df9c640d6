/** BGPFilter: ordered import and export rules per family (semantics §5.3). */
import type { Family } from '../net/address.ts';
import { parseCidr } from '../net/prefix.ts';
import { routePriority } from './bgp-configuration.ts';
import { asNumber, community, interfacePattern, prefix } from './fields.ts';
import {
  type Check,
  child,
  exactlyOne,
  type Field,
  integer,
  list,
  object,
  omitEmpty,
  oneOf,
  optional,
  type Parser,
  report,
  required,
} from './schema.ts';

export interface BgpFilterSpec {
  readonly exportV4?: readonly BgpFilterRule[];
  readonly importV4?: readonly BgpFilterRule[];
  readonly exportV6?: readonly BgpFilterRule[];
  readonly importV6?: readonly BgpFilterRule[];
}

export interface BgpFilterRule {
  readonly action: 'Accept' | 'Reject';
  readonly cidr?: string;
  readonly matchOperator?: 'Equal' | 'NotEqual' | 'In' | 'NotIn';
  readonly prefixLength?: { readonly min?: number; readonly max?: number };
  readonly source?: 'RemotePeers';
  readonly interface?: string;
  readonly peerType?: 'eBGP' | 'iBGP';
  readonly communities?: { readonly values: readonly string[] };
  readonly asPathPrefix?: readonly (number | string)[];
  readonly priority?: number;
  readonly operations?: readonly BgpFilterOperation[];
}

/** Exactly one key is present. */
export interface BgpFilterOperation {
  readonly addCommunity?: { readonly value: string };
  readonly prependASPath?: { readonly prefix: readonly (number | string)[] };
  readonly setPriority?: { readonly value: number };
}

const asList = (max: number): Parser<(string | number)[]> => list(asNumber, { min: 1, max });

const operation = object<BgpFilterOperation>(
  {
    addCommunity: optional(object<NonNullable<BgpFilterOperation['addCommunity']>>({ value: required(community) })),
    prependASPath: optional(object<NonNullable<BgpFilterOperation['prependASPath']>>({ prefix: required(asList(10)) })),
    setPriority: optional(object<NonNullable<BgpFilterOperation['setPriority']>>({ value: required(routePriority) })),
  },
  exactlyOne<BgpFilterOperation>('addCommunity', 'prependASPath', 'setPriority'),
);

const cidrRules: Check<BgpFilterRule> = (value, at, has) => {
  if (has('cidr') && !has('matchOperator')) {
    report(
      child(at, 'matchOperator'),
      'required field is missing: cidr needs matchOperator Equal, NotEqual, In or NotIn',
    );
  }
  if (has('matchOperator') && !has('cidr')) {
    report(child(at, 'cidr'), 'required field is missing: matchOperator needs the cidr it compares with');
  }
  if (!has('prefixLength')) return;
  const here = child(at, 'prefixLength');
  if (!has('cidr')) report(here, 'prefixLength needs cidr: it narrows the prefixes inside it', 'key');
  if (value.matchOperator === 'Equal' || value.matchOperator === 'NotEqual') {
    report(here, `prefixLength has no meaning with ${value.matchOperator}: remove it, or write In or NotIn`, 'key');
  }
  const { min, max } = value.prefixLength ?? {};
  if (min !== undefined && max !== undefined && min > max) {
    report(child(here, 'min'), `min ${min} is larger than max ${max}: no prefix could match; exchange them`);
  }
  const mask = value.cidr === undefined ? undefined : parseCidr(value.cidr)?.length;
  if (mask !== undefined && max !== undefined && max < mask) {
    report(
      child(here, 'max'),
      `max ${max} is shorter than the cidr's own /${mask}: no prefix could match; write at least ${mask}`,
    );
  }
};

const operationRules: Check<BgpFilterRule> = (value, at, has) => {
  if (has('operations') && value.action === 'Reject') {
    report(child(at, 'operations'), 'operations need action Accept: a rejected route is not changed', 'key');
  }
};

function rules(family: Family): Field<BgpFilterRule[]> {
  const length = integer(0, family === 4 ? 32 : 128);
  const rule = object<BgpFilterRule>(
    {
      action: required(oneOf('Accept', 'Reject')),
      cidr: omitEmpty(prefix(family)),
      matchOperator: omitEmpty(oneOf('Equal', 'NotEqual', 'In', 'NotIn')),
      prefixLength: optional(
        object<NonNullable<BgpFilterRule['prefixLength']>>({ min: optional(length), max: optional(length) }),
      ),
      source: omitEmpty(oneOf('RemotePeers')),
      interface: omitEmpty(interfacePattern),
      peerType: omitEmpty(oneOf('eBGP', 'iBGP')),
      communities: optional(
        object<NonNullable<BgpFilterRule['communities']>>({ values: required(list(community, { min: 1, max: 1 })) }),
      ),
      asPathPrefix: omitEmpty(list(asNumber)),
      priority: omitEmpty(routePriority),
      operations: omitEmpty(list(operation, { min: 1, max: 10 })),
    },
    cidrRules,
    operationRules,
  );
  return omitEmpty(list(rule));
}

export const bgpFilterSchema = object<BgpFilterSpec>({
  exportV4: rules(4),
  importV4: rules(4),
  exportV6: rules(6),
  importV6: rules(6),
});
