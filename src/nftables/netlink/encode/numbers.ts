/**
 * Numbers of nf_tables that a ruleset is written with (linux/netfilter/nf_tables.h), and of nft's own that it lists by.
 *
 * Invariant: values are the kernel's or nft's; nothing here is ours to choose.
 */

/** NFPROTO_INET: the family of our table. */
export const inet = 1;

export const messages = {
  newTable: 0,
  deleteTable: 2,
  newChain: 3,
  deleteChain: 5,
  newRule: 6,
  deleteRule: 8,
  newSet: 9,
  deleteSet: 11,
  newElements: 12,
  deleteElements: 14,
} as const;

export const attributes = {
  list: { element: 1 },
  table: { name: 1 },
  chain: { table: 1, name: 3, hook: 4, policy: 5, type: 7 },
  hook: { number: 1, priority: 2 },
  rule: { table: 1, chain: 2, handle: 3, expressions: 4, position: 6, userData: 7 },
  set: {
    table: 1,
    name: 2,
    flags: 3,
    keyType: 4,
    keyLength: 5,
    dataType: 6,
    dataLength: 7,
    description: 9,
    id: 10,
    userData: 13,
    expression: 17,
  },
  description: { size: 1, concatenation: 2 },
  descriptionField: { length: 1 },
  elements: { table: 1, set: 2, list: 3, setId: 4 },
  element: { key: 1, data: 2, flags: 3, userData: 6, keyEnd: 10 },
  data: { value: 1, verdict: 2 },
  verdict: { code: 1, chain: 2 },
  expression: { name: 1, data: 2 },
  immediate: { into: 1, data: 2 },
  compare: { from: 1, operator: 2, data: 3 },
  range: { from: 1, operator: 2, first: 3, last: 4 },
  bitwise: { from: 1, into: 2, length: 3, mask: 4, xor: 5 },
  byteOrder: { from: 1, into: 2, operation: 3, length: 4, size: 5 },
  lookup: { set: 1, from: 2, into: 3, setId: 4, flags: 5 },
  payload: { into: 1, base: 2, offset: 3, length: 4 },
  meta: { into: 1, key: 2, from: 3 },
  conntrack: { into: 1, key: 2, from: 4 },
  counter: { bytes: 1, packets: 2 },
  log: { group: 1, prefix: 2, snaplen: 3 },
  limit: { rate: 1, unit: 2, burst: 3 },
  reject: { type: 1, code: 2 },
  headerOption: { into: 1, type: 2, offset: 3, length: 4, operation: 6, from: 7 },
} as const;

export const setFlags = { anonymous: 0x1, constant: 0x2, interval: 0x4, map: 0x8, concatenation: 0x80 } as const;
export const elementFlags = { intervalEnd: 0x1 } as const;

export const metaKeys = { priority: 2, mark: 3, inboundName: 6, outboundName: 7, family: 15, protocol: 16 } as const;
export const conntrackKeys = { state: 0, status: 2, events: 18 } as const;
export const payloadBases = { network: 1, transport: 2 } as const;
export const comparisons = { equal: 0, unequal: 1, atMost: 3, above: 4, atLeast: 5 } as const;
/** Where TCP keeps its flags, and two of them (RFC 9293 §3.1). */
export const tcpFlags = { offset: 13, syn: 0x02, rst: 0x04 } as const;
/** Maximum Segment Size: its kind, and where in the option the number is (RFC 9293 §3.7.1). */
export const maxSegmentOption = { kind: 2, offset: 2, bytes: 2 } as const;
/** NFT_EXTHDR_OP_TCPOPT. */
export const tcpOptionOperation = 1;
/** NFT_RANGE_NEQ. */
export const outsideRange = 1;
/** NFT_LOOKUP_F_INV. */
export const lookupInverted = 1;
/** NFT_BYTEORDER_HTON. */
export const toNetworkOrder = 1;

export const verdictCodes = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const;
/** NF_ACCEPT, as a chain's policy. */
export const acceptPolicy = 1;
export const hookNumbers = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
export const nfproto = { 4: 2, 6: 10 } as const;

/** NFT_REG_VERDICT; the first of the words (NFT_REG32_00) that the others are made of. */
export const verdictRegister = 0;
export const firstRegister = 8;

/** Bits of `ct state` (NF_CT_STATE_BIT, as nft has them). */
export const conntrackStates = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 } as const;
/** IPCT_DESTROY, as a bit of conntrack's events. */
export const endOfFlow = 0x04;
/** IPS_DST_NAT. */
export const destinationNat = 0x20;

/** NFT_REJECT_ICMP_UNREACH with the family's own "port unreachable"; NFT_REJECT_ICMPX_UNREACH where it is not known. */
export const rejections = {
  4: { type: 0, code: 3 },
  6: { type: 0, code: 4 },
  any: { type: 2, code: 1 },
} as const;

/** What nft calls the types of keys and data (its enum datatypes); a concatenation is its parts, six bits each. */
export const dataTypes = {
  ipv4: 7,
  ipv6: 8,
  protocol: 12,
  port: 13,
  classId: 23,
  conntrackState: 26,
  interfaceName: 41,
  verdict: 0xffffff00,
} as const;
/** The size of the kernel's struct nft_verdict. */
export const verdictBytes = 16;
