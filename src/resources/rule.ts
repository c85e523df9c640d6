/**
 * A policy rule as Calico writes it (semantics §3), shared by policies and profiles.
 */
export type RuleAction = 'Allow' | 'Deny' | 'Log' | 'Pass';

export interface Rule {
  readonly action: RuleAction;
  readonly ipVersion?: 4 | 6;
  /** A name (`TCP UDP ICMP ICMPv6 SCTP UDPLite`), a number 1 to 255, or that number as text. */
  readonly protocol?: string | number;
  readonly notProtocol?: string | number;
  readonly icmp?: IcmpFields;
  readonly notICMP?: IcmpFields;
  readonly source?: EntityRule;
  readonly destination?: EntityRule;
  readonly http?: HttpMatch;
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
}

export interface IcmpFields {
  readonly type?: number;
  readonly code?: number;
}

export interface EntityRule {
  readonly nets?: readonly string[];
  readonly notNets?: readonly string[];
  readonly selector?: string;
  readonly notSelector?: string;
  readonly namespaceSelector?: string;
  readonly serviceAccounts?: { readonly names?: readonly string[]; readonly selector?: string };
  /** Numbers, `"first:last"` ranges, or names of endpoint ports. */
  readonly ports?: readonly (string | number)[];
  readonly notPorts?: readonly (string | number)[];
  readonly services?: { readonly name: string; readonly namespace?: string };
}

const besideAddresses = ['selector', 'notSelector', 'namespaceSelector', 'nets', 'notNets', 'serviceAccounts'] as const;

/** What cannot stand beside `services` (semantics §3.2): as a destination a Service brings its ports too. */
export const serviceConflicts = {
  source: besideAddresses,
  destination: [...besideAddresses, 'ports', 'notPorts'],
} as const satisfies Record<string, readonly (keyof EntityRule)[]>;

export interface HttpMatch {
  readonly methods?: readonly string[];
  readonly paths?: readonly { readonly exact?: string; readonly prefix?: string }[];
}
