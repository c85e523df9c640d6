/**
 * The schema of a policy rule, with everything its fields say about each other (semantics §3, §1.18).
 *
 * Invariant: a rule that passes can be compiled; what a packet filter cannot enforce (HTTP matches) is refused here, as
 * rendering it would allow more than was written.
 */
import { parseCalicoProtocol } from '../net/ip-protocol.ts';
import { parsePortRange } from '../net/port-range.ts';
import { parseCidr } from '../net/prefix.ts';
import {
  name,
  notSelector,
  prefix,
  protocol,
  qualifiedNameProblem,
  ruleNamespaceSelector,
  rulePort,
  selector,
  unlimitedSelector,
} from './fields.ts';
import { type EntityRule, type IcmpFields, type Rule, serviceConflicts } from './rule.ts';
import {
  type At,
  type Check,
  child,
  integer,
  list,
  object,
  omitEmpty,
  oneOf,
  optional,
  type Parser,
  report,
  reportOld,
  required,
  textMap,
} from './schema.ts';

/** Where rules stand decides what they may say: `services` needs a namespace unless the policy has one. */
export interface RuleContext {
  readonly direction: 'ingress' | 'egress';
  readonly namespaced: boolean;
}

export function ruleList(context: RuleContext): Parser<Rule[]> {
  return list(rule(context), { max: 1024 });
}

const ipVersion: Parser<4 | 6> = (value, at) =>
  value === 4 || value === 6 ? value : report(at, `${String(value)} is no IP version: write 4 or 6`);

const icmpFields = object<IcmpFields>(
  { type: optional(integer(0, 254)), code: optional(integer(0, 255)) },
  (_, at, has) => {
    if (has('code') && !has('type')) report(child(at, 'code'), 'an ICMP code means nothing without its type: add type');
  },
);

const anyPrefix = prefix();
const notNet: Parser<string> = (value, at) => {
  const parsed = anyPrefix(value, at);
  if (parsed === undefined || parseCidr(parsed)?.length !== 0) return parsed;
  reportOld(at, `${parsed} excludes every address of its family, so the rule could never match: use ipVersion instead`);
  return parsed;
};

const serviceAccounts = object<NonNullable<EntityRule['serviceAccounts']>>({
  names: omitEmpty(list(name)),
  selector: omitEmpty(unlimitedSelector),
});

const services = object<NonNullable<EntityRule['services']>>({ name: required(name), namespace: omitEmpty(name) });

/** Accepted in shape only: the rule's own check refuses every HTTP match. */
const http: Parser<NonNullable<Rule['http']>> = (value) => value as NonNullable<Rule['http']>;

function entityRule(side: 'source' | 'destination', context: RuleContext): Parser<EntityRule> {
  return object<EntityRule>(
    {
      nets: omitEmpty(list(anyPrefix, { max: 256 })),
      notNets: omitEmpty(list(notNet, { max: 256 })),
      selector: omitEmpty(selector),
      notSelector: omitEmpty(notSelector),
      namespaceSelector: omitEmpty(ruleNamespaceSelector),
      serviceAccounts: optional(serviceAccounts),
      ports: omitEmpty(list(rulePort, { max: 50 })),
      notPorts: omitEmpty(list(rulePort, { max: 50 })),
      services: optional(services),
    },
    serviceRules(side, context),
  );
}

function serviceRules(side: 'source' | 'destination', context: RuleContext): Check<EntityRule> {
  const allowedSide = context.direction === 'ingress' ? 'source' : 'destination';
  return (value, at, has) => {
    if (!has('services')) return;
    const here = child(at, 'services');
    if (side !== allowedSide) {
      report(here, `services can stand only in the ${allowedSide} of an ${context.direction} rule`, 'key');
    }
    for (const other of serviceConflicts[side]) {
      if (has(other)) report(child(at, other), `${other} conflicts with services: remove one of them`, 'key');
    }
    if (!context.namespaced && value.services !== undefined && value.services.namespace === undefined) {
      report(
        child(here, 'namespace'),
        'required field is missing: outside a namespace a service is named with its namespace',
      );
    }
  };
}

function rule(context: RuleContext): Parser<Rule> {
  return object<Rule>(
    {
      action: required(oneOf('Allow', 'Deny', 'Log', 'Pass')),
      ipVersion: optional(ipVersion),
      protocol: optional(protocol),
      notProtocol: optional(protocol),
      icmp: optional(icmpFields),
      notICMP: optional(icmpFields),
      source: optional(entityRule('source', context)),
      destination: optional(entityRule('destination', context)),
      http: optional(http),
      metadata: optional(
        object<NonNullable<Rule['metadata']>>({ annotations: omitEmpty(textMap(qualifiedNameProblem)) }),
      ),
    },
    refuseHttp,
    icmpNeedsProtocol,
    icmpFitsFamily,
    portsNeedProtocol,
    oneFamily,
  );
}

const refuseHttp: Check<Rule> = (_, at, has) => {
  if (!has('http')) return;
  // A stored rule of Calico's may have it: intent leaves that rule out, and the others of its policy stay.
  reportOld(
    child(at, 'http'),
    'a packet filter cannot look into HTTP and would allow every request: match on ports instead, or enforce HTTP in a proxy',
    'key',
  );
};

const icmpNeedsProtocol: Check<Rule> = (value, at, has) => {
  if (!has('icmp')) return;
  const number = value.protocol === undefined ? undefined : parseCalicoProtocol(value.protocol);
  if (number === 1 || number === 58 || (has('protocol') && number === undefined)) return;
  report(child(at, 'icmp'), 'icmp needs protocol ICMP or ICMPv6 in the same rule', 'key');
};

const icmpFitsFamily: Check<Rule> = (value, at) => {
  const { protocol: wanted, ipVersion: version } = value;
  if (wanted === 'ICMP' && version === 6)
    report(child(at, 'ipVersion'), 'protocol ICMP is IPv4 only: write ICMPv6, or ipVersion 4');
  if (wanted === 'ICMPv6' && version === 4)
    report(child(at, 'ipVersion'), 'protocol ICMPv6 is IPv6 only: write ICMP, or ipVersion 6');
};

const portsNeedProtocol: Check<Rule> = (value, at, has) => {
  const number = value.protocol === undefined ? undefined : parseCalicoProtocol(value.protocol);
  if (has('protocol') && number === undefined) return;
  const carriesPorts = number === 6 || number === 17 || number === 132;
  if (carriesPorts) return;
  for (const side of ['source', 'destination'] as const) {
    for (const field of ['ports', 'notPorts'] as const) {
      const ports = value[side]?.[field];
      if (ports === undefined) continue;
      const here = child(at, side, field);
      if (number !== undefined) {
        report(
          here,
          `protocol ${String(value.protocol)} has no ports here: write protocol TCP, UDP or SCTP, or remove ${field}`,
        );
      } else if (ports.some((port) => parsePortRange(port) !== undefined)) {
        report(here, 'port numbers need a protocol in the same rule: add protocol TCP, UDP or SCTP');
      }
    }
  }
};

const oneFamily: Check<Rule> = (value, at) => {
  const seen: { at: At; family: number; net: string }[] = [];
  for (const side of ['source', 'destination'] as const) {
    for (const field of ['nets', 'notNets'] as const) {
      for (const [index, net] of (value[side]?.[field] ?? []).entries()) {
        const family = parseCidr(net)?.address.family;
        if (family !== undefined) seen.push({ at: child(at, side, field, index), family, net });
      }
    }
  }
  const first = seen[0];
  if (!first) return;
  const mixed = seen.find((entry) => entry.family !== first.family);
  if (mixed)
    reportOld(
      mixed.at,
      `a rule speaks of one IP version: ${mixed.net} is IPv${mixed.family}, ${first.net} is IPv${first.family}; write two rules`,
    );
  const wrong = seen.find((entry) => value.ipVersion !== undefined && entry.family !== value.ipVersion);
  if (wrong && !mixed)
    report(wrong.at, `${wrong.net} is IPv${wrong.family}, but the rule has ipVersion ${value.ipVersion}`);
};
