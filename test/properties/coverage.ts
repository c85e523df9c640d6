/**
 * What a search through random resources and packets met, so that a generator that never reaches a thing is seen.
 *
 *   Manifest[], NaivePacket, NaiveVerdict ─[Coverage]→ how often each field stood there, decided, and which way
 *
 * A class, because it counts.
 */
import type { Manifest, ManifestRule, NaivePacket, NaiveWay } from './naive/manifest.ts';
import type { NaiveVerdict } from './naive/verdict.ts';

/** Of these not only the presence counts, but each value. */
const closed = new Set(
  'action ipVersion protocol notProtocol types defaultAction applyOnForward doNotTrack preDNAT namespaceSelector'
    .concat(' interfaceName disableConntrackInvalidCheck nftablesFilterDenyAction iptablesFilterDenyAction')
    .concat(' defaultEndpointToHostAction interfaceExclude interfacePrefix stagedAction')
    .split(' '),
);

export class Coverage {
  readonly counts = new Map<string, number>();

  get pairs(): number {
    return [...this.counts].reduce((sum, [name, count]) => (name.startsWith('way ') ? sum + count : sum), 0);
  }

  has(name: string): boolean {
    return this.counts.has(name);
  }

  addResources(manifests: readonly Manifest[]): void {
    const here = new Set<string>();
    for (const { kind, metadata, spec } of manifests) {
      here.add(kind);
      if (metadata.labels) here.add(`${kind} labels`);
      for (const path of pathsOf(spec)) here.add(`${kind} ${path.replace(/^(in|e)gress\./, 'rule.')}`);
    }
    for (const path of here) this.add(path);
    const guarded = manifests.flatMap(({ kind, spec }) => (kind === 'HostEndpoint' ? [spec.interfaceName] : []));
    if (new Set(guarded).size < guarded.length) this.add('several HostEndpoints on an interface');
  }

  addPacket(way: NaiveWay, packet: NaivePacket, { verdict, stage, rule, written }: NaiveVerdict): void {
    this.add(`way ${way.in === undefined ? 'from' : way.out === undefined ? 'to' : 'through'} the router`);
    this.add(`packet of IPv${packet.source.includes(':') ? 6 : 4}`);
    this.add(`packet of protocol ${packet.protocol}`);
    this.add(`packet ${packet.ct}`);
    if (packet.sentTo) this.add(`packet after NAT, ${way.in === undefined ? 'from the router' : 'arrived'}`);
    this.add(`${verdict} in ${stage} by ${rule === null ? 'no rule' : `a ${rule.split('/')[0]}`}`);
    if (written)
      for (const path of pathsOf(written)) this.add(`decided ${verdict === 'accept' ? 'Allow' : 'Deny'}: ${path}`);
  }

  /** One line each, sorted: count and name. */
  print(): string {
    const lines = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return lines.map(([name, count]) => `${String(count).padStart(9)}  ${name}`).join('\n');
  }

  private add(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
}

/** Every path to a field, list indexes left out; with `=value` where the values are few. */
function pathsOf(value: object | ManifestRule, base = ''): string[] {
  return Object.entries(value).flatMap(([key, field]: [string, unknown]) => {
    if (field === undefined) return [];
    const path = base === '' ? key : `${base}.${key}`;
    if (Array.isArray(field) && field.length === 0) return [`${path} (empty)`];
    if (closed.has(key)) return [path, ...[field].flat().map((each) => `${path}=${each}`)];
    if (key === 'labelsToApply' || key === 'annotations') return [path];
    if (Array.isArray(field)) {
      const within = field.flatMap((entry) =>
        typeof entry === 'object' && entry !== null ? pathsOf(entry, path) : [],
      );
      const forms = /[pP]orts$/.test(key) ? field.map((entry) => `${path} ${formOfPort(entry)}`) : [];
      return [path, ...within, ...forms];
    }
    return typeof field === 'object' && field !== null ? [path, ...pathsOf(field, path)] : [path];
  });
}

function formOfPort(entry: unknown): string {
  if (typeof entry === 'object') return 'listed';
  return /^\d+$/.test(String(entry)) ? 'by number' : /^\d+:\d+$/.test(String(entry)) ? 'by range' : 'by name';
}
