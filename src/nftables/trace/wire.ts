/**
 * Numbers of nf_tables that tracing needs beside those a ruleset is written with (linux/netfilter/nf_tables.h).
 *
 * Invariant: values are the kernel's; nothing here is ours to choose.
 */
import {
  attributes as written,
  metaKeys as writtenKeys,
  messages as writtenMessages,
} from '../netlink/encode/numbers.ts';

export const messages = { ...writtenMessages, trace: 17 } as const;

export const attributes = {
  ...written,
  table: { ...written.table, flags: 2 },
  set: { ...written.set, expressions: 18 },
  element: { ...written.element, expression: 7, expressions: 11 },
  trace: {
    table: 1,
    chain: 2,
    ruleHandle: 3,
    type: 4,
    verdict: 5,
    id: 6,
    networkHeader: 8,
    transportHeader: 9,
    inbound: 10,
    outbound: 12,
    policy: 16,
    /** Linux 6.16 and newer tell conntrack's state. */
    conntrackState: 21,
  },
} as const;

export const metaKeys = { ...writtenKeys, trace: 12 } as const;

/** NFT_TRACETYPE_*. */
export const traceTypes = { policy: 1, return: 2, rule: 3 } as const;

/** NFTA_VERDICT_CODE. */
export const verdictCodes = {
  drop: 0,
  accept: 1,
  continue: -1,
  break: -2,
  jump: -3,
  goto: -4,
  return: -5,
} as const;
