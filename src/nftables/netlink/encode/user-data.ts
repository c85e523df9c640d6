/**
 * What nft keeps in the kernel beside an object to list it by: comments, `typeof`, byte orders (libnftnl's udata.h).
 *
 *   comment, Field* ─▶ type-length-value bytes, opaque to the kernel
 *
 * Invariant: as nft 1.0.6 writes it, so that `nft list` shows a table of ours as if nft had loaded its text.
 */
import type { Field } from '../../ruleset.ts';
import { formOf } from './fields.ts';

/** NFTNL_UDATA_RULE_COMMENT and NFTNL_UDATA_SET_ELEM_COMMENT are both the first. */
const commentType = 0;
const elementFlagsType = 1;
const setTypes = {
  keyOrder: 0,
  dataOrder: 1,
  mergesElements: 2,
  keyTypeof: 3,
  dataTypeof: 4,
  dataInterval: 6,
} as const;
/** nft's enum byteorder and enum expr_types. */
const orders = { none: 0, host: 1, network: 2 } as const;
const expressions = { verdict: 1, payload: 7, meta: 9, concatenation: 13 } as const;

/** How an element of an interval set ends: NFTNL_SET_ELEM_F_INTERVAL_OPEN where nothing comes after it. */
export type IntervalEnd = 'closed' | 'open';

export function commentBytes(comment: string): Uint8Array {
  const bytes = new Uint8Array(comment.length + 3);
  bytes[0] = commentType;
  bytes[1] = comment.length + 1;
  for (let i = 0; i < comment.length; i++) bytes[i + 2] = comment.charCodeAt(i);
  return bytes;
}

/** Undefined where there is nothing to keep. */
export function elementBytes(comment: string | undefined, end: IntervalEnd): Uint8Array | undefined {
  if (comment === undefined) return end === 'open' ? Uint8Array.from(openEnd) : undefined;
  return end === 'open' ? Uint8Array.from([...commentBytes(comment), ...openEnd]) : commentBytes(comment);
}

export interface SetListing {
  readonly fields: readonly Field[];
  /** Whether it is listed as `typeof` instead of `type`. */
  readonly isTypeof: boolean;
  readonly mergesElements?: boolean;
  readonly data: 'none' | 'verdict' | 'class';
}

export function setBytes({ fields, isTypeof, mergesElements, data }: SetListing): Uint8Array {
  const [only] = fields;
  const order = fields.length > 1 || !only ? 'none' : formOf(only).listedOrder;
  return Uint8Array.from([
    ...number(setTypes.keyOrder, orders[order]),
    ...(data === 'none' ? [] : number(setTypes.dataOrder, data === 'class' ? orders.host : orders.none)),
    ...(mergesElements ? number(setTypes.mergesElements, 1) : []),
    ...(isTypeof ? entry(setTypes.keyTypeof, typeofFields(fields)) : []),
    ...dataBytes(data),
  ]);
}

/** Of an anonymous map from conntrack's state to verdicts: nft keeps no `typeof` of it. */
export function stateMapBytes(): Uint8Array {
  return Uint8Array.from([
    ...number(setTypes.keyOrder, orders.host),
    ...number(setTypes.dataOrder, orders.none),
    ...dataBytes('verdict'),
  ]);
}

function dataBytes(data: SetListing['data']): readonly number[] {
  if (data === 'none') return [];
  const isInterval = number(setTypes.dataInterval, 0);
  if (data === 'class') return isInterval;
  return [...entry(setTypes.dataTypeof, expression(expressions.verdict, [])), ...isInterval];
}

function typeofFields(fields: readonly Field[]): readonly number[] {
  const [only] = fields;
  if (fields.length === 1 && only) return typeofField(only);
  return expression(
    expressions.concatenation,
    fields.flatMap((field, at) => entry(at, typeofField(field))),
  );
}

function typeofField(field: Field): readonly number[] {
  const { source } = formOf(field);
  return source.kind === 'payload'
    ? expression(expressions.payload, [...number(0, source.header), ...number(1, source.part)])
    : expression(expressions.meta, number(0, source.key));
}

function expression(kind: number, data: readonly number[]): readonly number[] {
  return [...number(0, kind), ...entry(1, data)];
}

function entry(type: number, value: readonly number[]): readonly number[] {
  return [type, value.length, ...value];
}

/** In the host's order. */
function number(type: number, value: number): readonly number[] {
  return entry(type, [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24]);
}

const openEnd = number(elementFlagsType, 1);
