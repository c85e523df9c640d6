/**
 * Numbers of the kernel's nf_tables protocol that tracing speaks (linux/netfilter/nf_tables.h).
 *
 * Invariant: values are the kernel's; nothing here is ours to choose.
 */
export const messages = {
  newTable: 0,
  newChain: 3,
  getChain: 4,
  newRule: 6,
  getRule: 7,
  newSet: 9,
  getSet: 10,
  newSetElement: 12,
  getSetElement: 13,
  trace: 17,
} as const;

export const attributes = {
  list: { element: 1 },
  table: { name: 1, flags: 2 },
  chain: { table: 1, name: 3, hook: 4, policy: 5, type: 7 },
  hook: { number: 1, priority: 2 },
  rule: { table: 1, chain: 2, handle: 3, expressions: 4, userData: 7 },
  expression: { name: 1, data: 2 },
  meta: { into: 1, key: 2, from: 3 },
  payload: { into: 1, base: 2, offset: 3, length: 4 },
  compare: { from: 1, operator: 2, data: 3 },
  limit: { rate: 1, unit: 2, burst: 3 },
  immediate: { into: 1, data: 2 },
  lookup: { set: 1, from: 2, into: 3 },
  counter: { bytes: 1, packets: 2 },
  data: { value: 1, verdict: 2 },
  verdict: { code: 1, chain: 2 },
  set: { table: 1, name: 2, flags: 3, expression: 17, expressions: 18 },
  elementList: { table: 1, set: 2, elements: 3 },
  element: { key: 1, data: 2, userData: 6, expression: 7, expressions: 11 },
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
    family: 15,
    policy: 16,
    /** Linux 6.16 and newer tell conntrack's state. */
    conntrackState: 21,
  },
} as const;

export const metaKeys = {
  priority: 2,
  mark: 3,
  inboundName: 6,
  outboundName: 7,
  trace: 12,
  family: 15,
  protocol: 16,
} as const;

export const payloadBases = { link: 0, network: 1, transport: 2 } as const;

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
