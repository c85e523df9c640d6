/**
 * Which HostEndpoint guards which interface (semantics §4.8).
 *
 *   HostEndpoints, InterfaceFacts ─[resolve-endpoints]→ GuardedInterfaces[]
 *
 * Invariant: no interface has two endpoints; of several that match, the one of the smallest name wins. An endpoint that
 * names an interface guards that name even while the interface is absent, so that it is never up without its policy.
 */
import { type Address, equalAddresses, parseAddress } from '../../net/address.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Warning } from '../router-intent.ts';
import type { InterfaceFacts } from './policy-intent.ts';
import type { FelixSettings } from './resolve-felix.ts';

export interface GuardedInterfaces {
  readonly endpoint: Resource<'HostEndpoint'>;
  /** Sorted; `*` is every interface that no other endpoint won. */
  readonly interfaces: readonly string[] | '*';
}

export const wildcard = '*';

/** Winners sorted by name; those that lose everywhere get a warning each. `candidates` are of this node only. */
export function resolveEndpoints(
  candidates: readonly Resource<'HostEndpoint'>[],
  interfaces: readonly InterfaceFacts[],
  felix: FelixSettings,
  warnings: Warning[],
): GuardedInterfaces[] {
  const sorted = [...candidates].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const won = new Map<Resource<'HostEndpoint'>, string[]>();
  const beaten = new Set<Resource<'HostEndpoint'>>();
  for (const facts of withNamedInterfaces(interfaces, sorted)) {
    if (!isHostInterface(facts.name, felix)) continue;
    const [winner, ...losers] = sorted.filter((endpoint) => matchesInterface(endpoint, facts));
    if (!winner) continue;
    const list = won.get(winner) ?? [];
    won.set(winner, list);
    list.push(facts.name);
    for (const loser of losers) {
      beaten.add(loser);
      warnOfLoser(loser, winner, facts.name, warnings);
    }
  }
  const wildcards = sorted.filter(({ spec }) => spec.interfaceName === wildcard);
  const [defaultEndpoint, ...lost] = wildcards;
  if (defaultEndpoint) for (const loser of lost) warnOfLoser(loser, defaultEndpoint, 'every other interface', warnings);
  for (const endpoint of sorted) {
    const isIdle = endpoint.spec.interfaceName !== wildcard && !won.has(endpoint) && !beaten.has(endpoint);
    if (isIdle) warnOfIdle(endpoint, warnings);
  }
  return sorted.flatMap((endpoint): GuardedInterfaces[] => {
    if (endpoint === defaultEndpoint) return [{ endpoint, interfaces: wildcard }];
    const names = won.get(endpoint);
    return names ? [{ endpoint, interfaces: names.sort() }] : [];
  });
}

/** Whether HostEndpoints may name it at all: not a workload's, not an excluded one (semantics §1.14). */
function isHostInterface(name: string, felix: FelixSettings): boolean {
  if (felix.interfacePrefixes.some((prefix) => name.startsWith(prefix))) return false;
  return !felix.interfaceExclude.some((entry) => (typeof entry === 'string' ? entry === name : entry.test(name)));
}

function withNamedInterfaces(
  interfaces: readonly InterfaceFacts[],
  endpoints: readonly Resource<'HostEndpoint'>[],
): InterfaceFacts[] {
  const byName = new Map(interfaces.map((facts) => [facts.name, facts]));
  for (const { spec } of endpoints) {
    const name = spec.interfaceName;
    if (name !== undefined && name !== '' && name !== wildcard && !byName.has(name))
      byName.set(name, { name, addresses: [] });
  }
  return [...byName.values()];
}

/** By name, or, for an endpoint that names none, by an address the interface has now. */
function matchesInterface({ spec }: Resource<'HostEndpoint'>, facts: InterfaceFacts): boolean {
  if (spec.interfaceName !== undefined && spec.interfaceName !== '') return spec.interfaceName === facts.name;
  const expected = (spec.expectedIPs ?? []).map(parseAddress);
  return facts.addresses.some(({ address }) => expected.some((ip) => isSame(ip, address)));
}

function isSame(a: Address | undefined, b: Address): boolean {
  return a !== undefined && equalAddresses(a, b);
}

function isGenerated({ metadata }: Resource<'HostEndpoint'>): boolean {
  return metadata.name.startsWith('~');
}

/** A generated endpoint gives way to a written one by design; between two generated ones it is a loss. */
function warnOfLoser(
  loser: Resource<'HostEndpoint'>,
  winner: Resource<'HostEndpoint'>,
  what: string,
  warnings: Warning[],
): void {
  if (isGenerated(loser) && !isGenerated(winner)) return;
  warnings.push({
    code: isGenerated(loser) ? 'shared-interface' : 'shadowed-endpoint',
    subject: loser,
    path: ['metadata', 'name'],
    message: isGenerated(loser)
      ? `${what} carries Attachment ${winner.metadata.name.slice(1)} too, whose labels count there: policy that selects this one by its own or its Site's labels is not enforced; give each an interface of its own, or write a HostEndpoint with the labels of both`
      : `HostEndpoint ${winner.metadata.name} guards ${what} instead: of several that match, the smallest name wins`,
  });
}

function warnOfIdle(endpoint: Resource<'HostEndpoint'>, warnings: Warning[]): void {
  const name = endpoint.spec.interfaceName ?? '';
  const isNamed = name !== '';
  warnings.push({
    code: 'idle-endpoint',
    subject: endpoint,
    path: ['spec', isNamed ? 'interfaceName' : 'expectedIPs'],
    message: isNamed
      ? `${name} is a workload's or an excluded interface: this HostEndpoint guards nothing`
      : 'no known interface has one of these addresses: this HostEndpoint guards nothing until one does',
  });
}
