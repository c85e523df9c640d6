/**
 * What happens to a packet, straight from the resources: semantics §4 read once more, line by line, without any of the
 * product's own stages.
 *
 *   Manifest[], router, NaiveWay, NaivePacket ─[judge]→ verdict, stage, rule
 *
 * Invariant: shares nothing with src/, so that what both say is not one mistake made once.
 */
import { isFailsafe } from './failsafes.ts';
import { felix } from './felix.ts';
import type { Manifest, ManifestRule, ManifestSpec, NaivePacket, NaiveWay } from './manifest.ts';
import { meets } from './rule.ts';
import { selects } from './selector.ts';
import { endpointAt, labelsOf, named, ofKind, type World } from './world.ts';

export interface NaiveVerdict {
  readonly verdict: 'accept' | 'drop' | 'reject';
  readonly stage: string;
  /** `Kind/name direction[index]`. */
  readonly rule: string | null;
  readonly written: ManifestRule | null;
}

type Direction = 'ingress' | 'egress';
type Stage = 'untracked' | 'preDNAT' | 'normal' | 'forward';
interface Decided {
  readonly action: 'allow' | 'deny' | 'exempt';
  readonly stage: string;
  readonly rule: string | null;
  readonly written: ManifestRule | null;
}

/** Undefined for a packet that cannot be: what untracked policy allows has no NAT (semantics §4.13). */
export function judge(
  all: readonly Manifest[],
  router: string,
  way: NaiveWay,
  packet: NaivePacket,
): NaiveVerdict | undefined {
  const world: World = { all, router, isOurs: all.some((m) => m.kind === 'Router' && m.metadata.name === router) };
  const here = way.in !== undefined && way.out === undefined;
  const denyAction = felix(world, 'nftablesFilterDenyAction') ?? felix(world, 'iptablesFilterDenyAction');
  const deny = denyAction === 'Reject' ? 'reject' : 'drop';
  const end = (by: Decided): NaiveVerdict => {
    // Before routing and after it there is no rejecting; NAT sends the host's own packets after routing.
    const isEarly = /untracked|preDNAT/.test(by.stage) || (packet.sentTo !== undefined && way.in === undefined);
    const { stage, rule, written } = by;
    return { verdict: by.action === 'deny' ? (isEarly ? 'drop' : deny) : 'accept', stage, rule, written };
  };
  const open = (verdict: 'accept' | 'drop'): NaiveVerdict => ({ verdict, stage: 'default', rule: null, written: null });
  let { ct } = packet;
  const asSent = { ...packet, ...packet.sentTo };
  const ask = (stage: Stage, direction: Direction, at: string) =>
    runStage(world, { ...(stage === 'untracked' || stage === 'preDNAT' ? asSent : packet), ct }, stage, direction, at);
  const follows = () => ct === 'established' || ct === 'related';

  if (way.in === undefined) {
    const out = way.out ?? '';
    const raw = ask('untracked', 'egress', out);
    if (raw?.action === 'allow' && packet.sentTo) return undefined;
    if (raw && raw.action !== 'exempt') return end(raw);
    if (follows()) return established(world, [['normal-egress', out]]);
    if (isWorkloads(world, out)) return open('accept');
    const normal = ask('normal', 'egress', out);
    return normal ? end(normal) : open('accept');
  }
  let allowed: Decided | undefined;
  const raw = ask('untracked', 'ingress', way.in);
  if (raw?.action === 'deny') return end(raw);
  if (raw?.action === 'allow') {
    if (packet.sentTo) return undefined;
    allowed = raw;
    ct = 'untracked';
  } else if (!follows()) {
    const early = ask('preDNAT', 'ingress', way.in);
    if (early?.action === 'deny') return end(early);
    if (early?.action === 'allow') allowed = early;
  }
  if (here) {
    if (!follows() && isWorkloads(world, way.in)) return open(toHost(world, packet));
    if (allowed) return end(allowed);
    if (follows()) return established(world, [['normal-ingress', way.in]]);
    const normal = ask('normal', 'ingress', way.in);
    return normal ? end(normal) : open('accept');
  }
  const out = way.out ?? '';
  if (follows())
    return established(world, [
      ['forward-ingress', way.in],
      ['forward-egress', out],
    ]);
  if (!allowed) {
    const ingress = ask('forward', 'ingress', way.in);
    if (ingress?.action === 'deny') return end(ingress);
    allowed = ingress;
  }
  const egress = ask('forward', 'egress', out);
  if (egress) return end(egress);
  if (allowed) return end(allowed);
  const action = named(world, 'Router', router)?.spec.forwarding?.defaultAction ?? (world.isOurs ? 'Deny' : 'Allow');
  return open(action === 'Deny' ? 'drop' : 'accept');
}

function established(world: World, passed: readonly (readonly [string, string])[]): NaiveVerdict {
  const first = passed.find(([, at]) => endpointAt(world, at, isExcluded(world, at)));
  return { verdict: 'accept', stage: first?.[0] ?? 'default', rule: null, written: null };
}

/** A wildcard endpoint does not stand between a Calico host and its workloads. */
function isWorkloads(world: World, at: string): boolean {
  const isWild = ofKind(world, 'HostEndpoint').some(
    ({ spec }) => spec.node === world.router && spec.interfaceName === '*',
  );
  return !world.isOurs && isWild && startsLikeWorkload(world, at);
}

function toHost(world: World, { source, protocol, icmpType }: NaivePacket): 'accept' | 'drop' {
  if ((felix(world, 'defaultEndpointToHostAction') ?? 'Drop') !== 'Drop') return 'accept';
  const finds = source.includes(':') && protocol === 58 && [130, 131, 132, 133, 135, 136].includes(icmpType ?? 0);
  return finds ? 'accept' : 'drop';
}

function startsLikeWorkload(world: World, at: string): boolean {
  return (felix(world, 'interfacePrefix') ?? 'cali').split(',').some((prefix) => at.startsWith(prefix));
}

/** Takes no endpoint by name: a workload's interface, or one that is excluded, by name or by pattern. */
function isExcluded(world: World, at: string): boolean {
  const list = (felix(world, 'interfaceExclude') ?? 'kube-ipvs0').split(',');
  const isListed = list.some((entry) =>
    entry.startsWith('/') ? new RegExp(entry.slice(1, -1)).test(at) : entry === at,
  );
  return isListed || startsLikeWorkload(world, at);
}

/** Undefined when the stage says nothing of the packet. */
function runStage(
  world: World,
  packet: NaivePacket,
  stage: Stage,
  direction: Direction,
  at: string,
): Decided | undefined {
  const endpoint = endpointAt(world, at, isExcluded(world, at));
  if (!endpoint) return undefined;
  const where = `${stage}-${direction}`;
  const silent = (action: Decided['action']): Decided => ({ action, stage: where, rule: null, written: null });
  const isEarly = stage === 'untracked' || stage === 'preDNAT';
  const tiers = tiersFor(world, endpoint, stage, direction);
  if (isEarly && tiers.length === 0) return undefined;
  const isDiscovery = packet.source.includes(':') && packet.protocol === 58 && /^13[3-7]$/.test(`${packet.icmpType}`);
  if (world.isOurs && stage !== 'forward' && isDiscovery) return silent('exempt');
  const dropsInvalid = felix(world, 'disableConntrackInvalidCheck') !== true;
  if (stage !== 'untracked' && packet.ct === 'invalid' && dropsInvalid) return silent('deny');
  if (stage !== 'forward' && isFailsafe(world, packet, stage, direction, at)) return silent('exempt');
  for (const { defaultAction, policies } of tiers) {
    const decided = runPolicies(world, packet, policies, direction, where);
    if (decided === 'pass') continue;
    if (decided) return decided;
    if (!isEarly && defaultAction !== 'Pass') return silent('deny');
  }
  if (stage !== 'normal') return undefined;
  for (const name of endpoint.spec.profiles ?? []) {
    if (name === 'projectcalico-default-allow') {
      return { action: 'allow', stage: where, rule: `Profile/${name} ${direction}[0]`, written: null };
    }
    const profile = named(world, 'Profile', name);
    if (!profile) return silent('deny');
    const decided = runPolicies(world, packet, [profile], direction, where);
    if (decided && decided !== 'pass') return decided;
  }
  return silent('deny');
}

function runPolicies(
  world: World,
  packet: NaivePacket,
  policies: readonly Manifest[],
  direction: Direction,
  stage: string,
): Decided | 'pass' | undefined {
  for (const { kind, metadata, spec } of policies) {
    for (const [index, written] of (spec[direction] ?? []).entries()) {
      if (written.action === 'Log' || !meets(world, written, packet)) continue;
      if (written.action === 'Pass') return 'pass';
      const rule = `${kind}/${metadata.name} ${direction}[${index}]`;
      return { action: written.action === 'Allow' ? 'allow' : 'deny', stage, rule, written };
    }
  }
  return undefined;
}

interface NaiveTier {
  readonly defaultAction: string;
  readonly policies: readonly Manifest[];
}

/** Tiers with a policy for the endpoint, stage and direction, in order. */
function tiersFor(world: World, endpoint: Manifest, stage: Stage, direction: Direction): readonly NaiveTier[] {
  if (stage === 'untracked' && endpoint.spec.interfaceName === '*') return [];
  const policies = ofKind(world, 'GlobalNetworkPolicy').filter(
    ({ spec }) =>
      isInStage(spec, stage) && typesOf(spec).includes(direction) && selectsEndpoint(spec, labelsOf(world, endpoint)),
  );
  const names = [...new Set(policies.map(({ spec }) => spec.tier ?? 'default'))];
  const rank = (name: string): { missing: number; order: number; name: string } => {
    const tier = named(world, 'Tier', name);
    return { missing: tier || name === 'default' ? 0 : 1, order: tier?.spec.order ?? 1_000_000, name };
  };
  const byRank = (a: ReturnType<typeof rank>, b: ReturnType<typeof rank>): number =>
    a.missing - b.missing || a.order - b.order || (a.name < b.name ? -1 : 1);
  return names
    .map(rank)
    .sort(byRank)
    .map(({ name }) => ({
      defaultAction: named(world, 'Tier', name)?.spec.defaultAction ?? 'Deny',
      policies: policies.filter(({ spec }) => (spec.tier ?? 'default') === name).sort(byOrder),
    }));
}

function byOrder(a: Manifest, b: Manifest): number {
  const [x, y] = [a.spec.order ?? Number.POSITIVE_INFINITY, b.spec.order ?? Number.POSITIVE_INFINITY];
  if (x !== y) return x < y ? -1 : 1;
  return `${a.metadata.name}//` < `${b.metadata.name}//` ? -1 : 1;
}

function isInStage({ doNotTrack, preDNAT, applyOnForward }: ManifestSpec, stage: Stage): boolean {
  if (doNotTrack) return stage === 'untracked';
  if (preDNAT) return stage === 'preDNAT';
  return stage === 'normal' || (stage === 'forward' && applyOnForward === true);
}

function typesOf({ types, ingress, egress }: ManifestSpec): readonly string[] {
  if (types && types.length > 0) return types.map((type) => type.toLowerCase());
  const hasEgress = (egress ?? []).length > 0;
  return [...((ingress ?? []).length > 0 || !hasEgress ? ['ingress'] : []), ...(hasEgress ? ['egress'] : [])];
}

function selectsEndpoint(spec: ManifestSpec, labels: ReadonlyMap<string, string>): boolean {
  const { selector, namespaceSelector, serviceAccountSelector } = spec;
  const serviceAccount = serviceAccountSelector === undefined ? undefined : 'projectcalico.org/serviceaccount';
  const allKey = namespaceSelector === undefined ? serviceAccount : 'projectcalico.org/namespace';
  if (selector !== undefined && !selects(selector, labels, { allKey })) return false;
  if (namespaceSelector !== undefined && !selects(namespaceSelector, labels, { prefix: 'pcns.', allKey })) return false;
  if (serviceAccountSelector === undefined) return true;
  return selects(serviceAccountSelector, labels, { prefix: 'pcsa.', allKey: serviceAccount });
}
