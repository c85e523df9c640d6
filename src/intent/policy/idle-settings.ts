/**
 * Settings of Calico's agent that change nothing here, each with what holds instead (semantics §1.14).
 *
 *   FelixConfigurations of one node ─[warnOfIdleSettings]→ Warning[]
 *
 * Invariant: warns only of values that would change something under Calico; a cluster's own settings that never concern a
 * host endpoint (BPF, WireGuard, IPAM …) are silently idle.
 */
import type { FelixConfigurationSpec } from '../../resources/felix-configuration.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Warning } from '../router-intent.ts';

interface IdleSetting {
  /** Values that change nothing under Calico either. */
  readonly usual: readonly unknown[];
  /** What holds instead. */
  readonly instead: string;
}

const ownMarks = 'packets are marked with bits of our own, see docs/decisions/0003';
const acceptIsLast = 'an Allow ends this table alone, and later tables still see the packet';
const owned = 'all policy is in a table of its own';

const idleSettings: Readonly<Record<string, IdleSetting>> = {
  ipForwarding: { usual: ['Enabled'], instead: 'a router forwards, and its agent sees to it' },
  ipv6Support: { usual: [true], instead: 'IPv6 is policed as IPv4 is' },
  nftablesFlowTableOffload: { usual: ['Disabled'], instead: 'no flow is offloaded' },
  nftablesMode: { usual: ['Enabled', 'Auto'], instead: 'policy is enforced by nftables' },
  bpfEnabled: { usual: [false], instead: 'policy is enforced by nftables' },
  chainInsertMode: { usual: ['Insert'], instead: owned },
  iptablesFilterAllowAction: { usual: ['Accept'], instead: acceptIsLast },
  iptablesMangleAllowAction: { usual: ['Accept'], instead: acceptIsLast },
  nftablesFilterAllowAction: { usual: ['Accept'], instead: acceptIsLast },
  nftablesMangleAllowAction: { usual: ['Accept'], instead: acceptIsLast },
  iptablesMarkMask: { usual: [0xffff0000], instead: ownMarks },
  nftablesMarkMask: { usual: [0xffff0000], instead: ownMarks },
};

/** Calico lets an annotation override a setting without looking at what it says. */
const overridePrefix = 'config.projectcalico.org/';

/** `sources` apply to the node, the strongest first; of a field only the one in force counts. */
export function warnOfIdleSettings(sources: readonly Resource<'FelixConfiguration'>[]): Warning[] {
  return [...sources.flatMap(warnOfOverrides), ...Object.keys(idleSettings).flatMap((field) => warnOf(field, sources))];
}

function warnOf(field: string, sources: readonly Resource<'FelixConfiguration'>[]): Warning[] {
  const setting = idleSettings[field];
  const subject = sources.find(({ spec }) => isGiven(spec, field));
  if (!setting || !subject || isUsual(setting, subject.spec[field])) return [];
  const message = `has no effect here: ${setting.instead}`;
  return [{ code: 'idle-setting', subject, path: ['spec', field], message }];
}

function warnOfOverrides(subject: Resource<'FelixConfiguration'>): Warning[] {
  const keys = Object.keys(subject.metadata.annotations ?? {}).filter((key) => key.startsWith(overridePrefix));
  return keys.map((key) => ({
    code: 'ignored-override',
    subject,
    path: ['metadata', 'annotations', key],
    message: 'has no effect here, where nothing is taken that was not validated: set the field of spec instead',
  }));
}

function isGiven(spec: FelixConfigurationSpec, field: string): boolean {
  return spec[field] !== undefined && spec[field] !== '';
}

function isUsual({ usual }: IdleSetting, value: unknown): boolean {
  return usual.some((word) => String(word).toLowerCase() === String(value).toLowerCase());
}
