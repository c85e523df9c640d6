/**
 * Calico's agent settings as they hold on one router.
 *
 *   FelixConfigurations ─[resolve-felix]→ FelixSettings → resolve-endpoints, resolve-failsafes, resolve-policy
 *
 * Invariant: field by field `node.<name>` wins over a configuration whose nodeSelector matches, and that over `default`
 * (semantics §1.14); of several matching the oldest counts.
 */
import type { FailsafePort, FelixConfigurationSpec } from '../../resources/felix-configuration.ts';
import type { Labels, Resource } from '../../resources/resource.ts';
import { evaluateSelector } from '../../resources/selector/evaluate.ts';
import { parseSelector } from '../../resources/selector/parse.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { Warning } from '../router-intent.ts';
import { warnOfIdleSettings } from './idle-settings.ts';
import type { LogRate, WorkloadInterfaces } from './policy-intent.ts';

export interface FelixSettings {
  /** Interfaces that begin so are workloads'. */
  readonly interfacePrefixes: readonly string[];
  /** Names, or patterns. */
  readonly interfaceExclude: readonly (string | RegExp)[];
  readonly failsafeInbound: ConfiguredFailsafes | undefined;
  readonly failsafeOutbound: ConfiguredFailsafes | undefined;
  readonly dropsInvalid: boolean;
  readonly denyVerdict: 'drop' | 'reject';
  readonly logPrefix: string;
  /** Of Log rules; undefined is without a limit. */
  readonly logRate: LogRate | undefined;
  /** What becomes of what workloads send to the host itself, whose own policy this product does not know. */
  readonly workloadsToHost: WorkloadInterfaces['toHost'];
}

/** Failsafes as written, and where. */
export interface ConfiguredFailsafes {
  readonly subject: Resource<'FelixConfiguration'>;
  readonly field: string;
  readonly ports: readonly FailsafePort[];
}

/** The settings of the node of that name and labels; Calico's defaults where nothing is said. */
export function resolveFelix(snapshot: Snapshot, node: string, labels: Labels, warnings: Warning[]): FelixSettings {
  const sources = felixSources(snapshot, node, labels);
  const pick = <F extends keyof FelixConfigurationSpec & string>(field: F): FelixConfigurationSpec[F] =>
    sources.find(({ spec }) => spec[field] !== undefined && spec[field] !== '')?.spec[field];
  const failsafes = (field: 'failsafeInboundHostPorts' | 'failsafeOutboundHostPorts') => {
    const subject = sources.find(({ spec }) => spec[field] !== undefined);
    return subject && { subject, field, ports: subject.spec[field] ?? [] };
  };
  warnings.push(...warnOfIdleSettings(sources));
  const deny = pick('nftablesFilterDenyAction') ?? pick('iptablesFilterDenyAction') ?? 'Drop';
  return {
    interfacePrefixes: splitList(pick('interfacePrefix') ?? 'cali').filter((prefix) => prefixPattern.test(prefix)),
    interfaceExclude: resolveExcludes(sources, pick('interfaceExclude') ?? 'kube-ipvs0', warnings),
    failsafeInbound: failsafes('failsafeInboundHostPorts'),
    failsafeOutbound: failsafes('failsafeOutboundHostPorts'),
    dropsInvalid: pick('disableConntrackInvalidCheck') !== true,
    denyVerdict: deny.toLowerCase() === 'reject' ? 'reject' : 'drop',
    logPrefix: pick('logPrefix') ?? 'calico-packet',
    logRate: parseLogRate(pick('logActionRateLimit'), pick('logActionRateLimitBurst')),
    workloadsToHost: (pick('defaultEndpointToHostAction') ?? 'Drop').toLowerCase() === 'drop' ? 'drop' : 'leave',
  };
}

/** What validation lets through; anything else would be a pattern of the kernel's. */
const prefixPattern = /^[A-Za-z0-9_-]{1,15}$/;

const rateUnits = ['second', 'minute', 'hour', 'day'] as const;
const calicoBurst = 5;

/** `10/minute`; validation lets nothing else through. */
function parseLogRate(text: string | undefined, burst = calicoBurst): LogRate | undefined {
  const [count = '', word = ''] = (text ?? '').split('/');
  const per = rateUnits.find((unit) => unit === word);
  return per && /^[1-9][0-9]{0,3}$/.test(count) ? { count: Number(count), per, burst } : undefined;
}

/** What applies to the node, the strongest first. */
function felixSources(snapshot: Snapshot, node: string, labels: Labels): Resource<'FelixConfiguration'>[] {
  const selected = snapshot
    .list('FelixConfiguration')
    .filter(({ metadata, spec }) => isSelectable(metadata.name) && matches(spec.nodeSelector, labels))
    .sort((a, b) => (age(a) < age(b) ? -1 : 1));
  return [
    snapshot.find('FelixConfiguration', `node.${node}`),
    selected[0],
    snapshot.find('FelixConfiguration', 'default'),
  ].filter((source) => source !== undefined);
}

function isSelectable(name: string): boolean {
  return name !== 'default' && !name.startsWith('node.');
}

/** The oldest sorts first; those of unknown age last, by name. */
function age({ metadata }: Resource): string {
  return `${metadata.creationTimestamp ?? '~'} ${metadata.name}`;
}

function matches(nodeSelector: string | undefined, labels: Labels): boolean {
  if (nodeSelector === undefined) return false;
  const selector = parseSelector(nodeSelector);
  return selector.ok && evaluateSelector(selector.value, labels);
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function resolveExcludes(
  sources: readonly Resource<'FelixConfiguration'>[],
  text: string,
  warnings: Warning[],
): (string | RegExp)[] {
  const excludes: (string | RegExp)[] = [];
  for (const entry of splitList(text)) {
    const pattern = /^\/(.+)\/$/.exec(entry)?.[1];
    if (pattern === undefined) {
      excludes.push(entry);
      continue;
    }
    try {
      excludes.push(new RegExp(pattern));
    } catch {
      warnings.push({
        code: 'invalid-pattern',
        subject: sources.find(({ spec }) => spec.interfaceExclude !== undefined),
        path: ['spec', 'interfaceExclude'],
        message: `${entry} is no regular expression: it excludes no interface`,
      });
    }
  }
  return excludes;
}
