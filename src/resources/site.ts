/** Site: a network joined to the hub. Its labels are carried by every address in its prefixes. */
import { name, prefix } from './fields.ts';
import { list, object, omitEmpty, oneOf, optional, required, showValue, text } from './schema.ts';

export interface SiteSpec {
  readonly type: 'datacenter' | 'vpc' | 'cluster' | 'other';
  /** All that may ever be learned from it; more specific routes inside count too. */
  readonly prefixes?: readonly string[];
  readonly segment?: string;
  /** Of several routers of a group that are attached to it, the one that carries its traffic in both directions. */
  readonly preferredRouter?: string;
  readonly provider?: {
    readonly aws?: { readonly account?: string; readonly region?: string; readonly vpcID?: string };
  };
}

export const awsAccount = text((value) =>
  /^[0-9]{12}$/.test(value) ? undefined : `${showValue(value)} is no AWS account: write its 12 digits, in quotes`,
);
export const awsRegion = text((value) =>
  /^[a-z]{2,4}(?:-[a-z]{2,12}){1,3}-[0-9]$/.test(value)
    ? undefined
    : `${showValue(value)} is no AWS region: write one such as eu-west-1`,
);
const vpcId = text((value) =>
  /^vpc-[0-9a-f]{8,17}$/.test(value)
    ? undefined
    : `${showValue(value)} is no VPC ID: write vpc- and 8 to 17 hexadecimal digits`,
);

type Aws = NonNullable<NonNullable<SiteSpec['provider']>['aws']>;

export const siteSchema = object<SiteSpec>({
  type: required(oneOf('datacenter', 'vpc', 'cluster', 'other')),
  prefixes: omitEmpty(list(prefix(), { unique: true })),
  segment: omitEmpty(name),
  preferredRouter: omitEmpty(name),
  provider: optional(
    object<NonNullable<SiteSpec['provider']>>({
      aws: optional(
        object<Aws>({ account: omitEmpty(awsAccount), region: omitEmpty(awsRegion), vpcID: omitEmpty(vpcId) }),
      ),
    }),
  ),
});
