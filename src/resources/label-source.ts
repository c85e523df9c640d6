/** LabelSource: where labels of addresses come from; validated and kept, not yet read. Exactly one source. */

import { duration, plainText } from './fields.ts';
import { exactlyOne, list, object, omitEmpty, oneOf, optional, required, showValue, text } from './schema.ts';
import { awsAccount, awsRegion } from './site.ts';

export interface LabelSourceSpec {
  readonly aws?: {
    readonly accounts?: readonly string[];
    readonly regions?: readonly string[];
    readonly tagKeys?: readonly string[];
  };
  readonly kubernetes?: { readonly kubeconfig?: string; readonly context?: string };
  readonly etcd?: { readonly endpoints: readonly string[] };
  readonly staleness?: {
    /** Go duration after which labels of a silent source count as stale. */
    readonly maxAge?: string;
    /** What happens then; keep unless said. */
    readonly action?: 'keep' | 'drop';
  };
}

const endpoint = text((value) =>
  /^https?:\/\/[A-Za-z0-9.:[\]-]+$/.test(value)
    ? undefined
    : `${showValue(value)} is no etcd endpoint: write https://host:2379`,
);

export const labelSourceSchema = object<LabelSourceSpec>(
  {
    aws: optional(
      object<NonNullable<LabelSourceSpec['aws']>>({
        accounts: omitEmpty(list(awsAccount, { unique: true })),
        regions: omitEmpty(list(awsRegion, { unique: true })),
        tagKeys: omitEmpty(list(plainText, { unique: true })),
      }),
    ),
    kubernetes: optional(
      object<NonNullable<LabelSourceSpec['kubernetes']>>({
        kubeconfig: omitEmpty(plainText),
        context: omitEmpty(plainText),
      }),
    ),
    etcd: optional(
      object<NonNullable<LabelSourceSpec['etcd']>>({ endpoints: required(list(endpoint, { min: 1, unique: true })) }),
    ),
    staleness: optional(
      object<NonNullable<LabelSourceSpec['staleness']>>({
        maxAge: omitEmpty(duration),
        action: omitEmpty(oneOf('keep', 'drop')),
      }),
    ),
  },
  exactlyOne<LabelSourceSpec>('aws', 'kubernetes', 'etcd'),
);
