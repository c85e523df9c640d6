/**
 * Resources of any kind: few names, so that they shadow, refer to each other and to nothing, and few labels.
 *
 *   names, fast-check of a spec ─[kind]→ fast-check of Manifest[]
 */
import fc from 'fast-check';
import { hosts, often, rarely, some, without } from './arbitrary-manifest-rule.ts';
import type { Manifest, ManifestSpec } from './naive/manifest.ts';

type Metadata = Manifest['metadata'];
export const everyHost = [...hosts[4], ...hosts[6]];

const labels = fc
  .record({
    role: often(fc.constantFrom('wan', 'lan')),
    app: often(fc.constantFrom('web', 'db')),
    env: rarely(fc.constantFrom('prod', 'dev')),
    'pcns.env': rarely(fc.constantFrom('prod')),
  })
  .map((parts) => without<Record<string, string>>(parts as Record<string, string | undefined>));

export const endpointPorts = some(
  [
    { name: 'http', protocol: 'TCP', port: 80 },
    { name: 'http', protocol: 'UDP', port: 80 },
    { name: 'http', protocol: 6, port: 8080 },
    { name: 'metrics', protocol: 'SCTP', port: 443 },
    { name: 'metrics', protocol: 'TCP', port: 22 },
  ],
  3,
);

export function kind<P extends object>(
  kindName: string,
  names: readonly string[],
  spec: fc.Arbitrary<P>,
  options: {
    readonly namespaces?: readonly string[];
    readonly min?: number;
    readonly max?: number;
    readonly bare?: boolean;
  } = {},
): fc.Arbitrary<Manifest[]> {
  const isOurs = ['Router', 'Site', 'Attachment', 'Segment'].includes(kindName);
  const one = fc
    .record({
      name: fc.constantFrom(...names),
      namespace: options.namespaces ? fc.constantFrom(...options.namespaces) : fc.constant(undefined),
      labels: options.bare ? fc.constant(undefined) : often(labels),
      spec,
    })
    .map(({ spec: parts, ...metadata }) => ({
      apiVersion: isOurs ? 'causeway.dev/v1' : 'projectcalico.org/v3',
      kind: kindName,
      metadata: without<Metadata>(metadata),
      spec: without<ManifestSpec>(parts as ManifestSpec),
    }));
  return fc.uniqueArray(one, {
    minLength: options.min ?? 0,
    maxLength: options.max ?? names.length,
    size: 'max',
    selector: ({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`,
  });
}
