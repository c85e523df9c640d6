/**
 * What a field of a packet is to the kernel: how long, of which of nft's types, where it is read.
 *
 *   Field ─▶ FieldForm ─▶ set declarations, keys, the expressions that read it
 */
import type { Field } from '../../ruleset.ts';
import { dataTypes, metaKeys, payloadBases } from './numbers.ts';

export type FieldSource =
  | {
      readonly kind: 'payload';
      readonly base: number;
      readonly offset: number;
      /** nft's numbers for the header and the field in it, by which it lists a set's `typeof`. */
      readonly header: number;
      readonly part: number;
    }
  | { readonly kind: 'meta'; readonly key: number };

export interface FieldForm {
  readonly bytes: number;
  readonly type: number;
  readonly source: FieldSource;
  /** A number that the kernel reads in the host's order. */
  readonly isHostOrder: boolean;
  /** What nft takes the order for. */
  readonly listedOrder: 'host' | 'network';
}

/** nft's enum proto_desc_id. */
const headers = { transport: 11, ipv4: 12, ipv6: 13 } as const;

export function formOf(field: Field): FieldForm {
  switch (field.kind) {
    case 'address':
      return addressForms[field.family][field.side];
    case 'port':
      return portForms[field.side];
    case 'protocol':
      return protocolForm;
    case 'interface':
      return interfaceForms[field.side];
    case 'class':
      return classForm;
  }
}

/** In a concatenation each field begins at a word of its own. */
export function wordsOf({ bytes }: FieldForm): number {
  return (bytes + 3) >> 2;
}

function addressForm(isIpv4: boolean, isSource: boolean): FieldForm {
  const bytes = isIpv4 ? 4 : 16;
  const first = isIpv4 ? 12 : 8;
  return {
    bytes,
    type: isIpv4 ? dataTypes.ipv4 : dataTypes.ipv6,
    isHostOrder: false,
    listedOrder: 'network',
    source: {
      kind: 'payload',
      base: payloadBases.network,
      offset: isSource ? first : first + bytes,
      header: isIpv4 ? headers.ipv4 : headers.ipv6,
      part: (isIpv4 ? 11 : 8) + (isSource ? 0 : 1),
    },
  };
}

function portForm(isSource: boolean): FieldForm {
  const source = {
    kind: 'payload',
    base: payloadBases.transport,
    offset: isSource ? 0 : 2,
    header: headers.transport,
    part: isSource ? 1 : 2,
  } as const;
  return { bytes: 2, type: dataTypes.port, isHostOrder: false, listedOrder: 'network', source };
}

function metaForm(bytes: number, type: number, key: number): FieldForm {
  // Names are bytes in order whatever the host.
  return { bytes, type, isHostOrder: bytes <= 4, listedOrder: 'host', source: { kind: 'meta', key } };
}

const addressForms = {
  4: { source: addressForm(true, true), destination: addressForm(true, false) },
  6: { source: addressForm(false, true), destination: addressForm(false, false) },
};
const portForms = { source: portForm(true), destination: portForm(false) };
const protocolForm = metaForm(1, dataTypes.protocol, metaKeys.protocol);
const interfaceForms = {
  in: metaForm(16, dataTypes.interfaceName, metaKeys.inboundName),
  out: metaForm(16, dataTypes.interfaceName, metaKeys.outboundName),
};
const classForm = metaForm(4, dataTypes.classId, metaKeys.priority);
