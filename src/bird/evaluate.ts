/**
 * What a filter of ours does to one route: the tree that BIRD is given, walked here.
 *
 *   BirdFilter, RouteFacts ─[evaluateFilter]→ FilterOutcome → explain route
 *
 * Invariant: the same tree that is printed is walked, so that what is explained is what BIRD does; what only BIRD can tell, a
 * function of the user's own, is said to be opaque and never guessed.
 */
import { containsPrefix, type Prefix } from '../net/prefix.ts';
import type { BirdCondition, BirdFilter, BirdFunction, BirdStatement, Community, LargePattern } from './config.ts';

/** A route as filters see it. */
export interface RouteFacts {
  readonly prefix: Prefix;
  readonly source: 'bgp' | 'static' | 'kernel' | 'device';
  /** BIRD's protocol that has it. */
  readonly protocol: string;
  readonly discards: boolean;
  /** Of the next hop; the empty text where there is none. */
  readonly interfaceName: string;
  readonly asPath: readonly number[];
  readonly communities: readonly Community[];
  readonly localPref: number | undefined;
  readonly med: number | undefined;
  /** Of a route of the kernel's. */
  readonly kernelMetric: number | undefined;
}

export type FilterOutcome =
  | { readonly kind: 'accepted'; readonly route: RouteFacts }
  /** `route` as the filter left it, its reason as a community on it where there is one. */
  | { readonly kind: 'refused'; readonly because: string | undefined; readonly route: RouteFacts }
  /** A function of the user's own decides, by this name. */
  | { readonly kind: 'opaque'; readonly hook: string };

/** `functions` are those the filter may call, by name. Total: a filter that decides nothing rejects, as BIRD has it. */
export function evaluateFilter(
  filter: BirdFilter,
  functions: ReadonlyMap<string, BirdFunction>,
  route: RouteFacts,
): FilterOutcome {
  const walk = new Walk(functions, route);
  try {
    const end = walk.body(filter.body, false);
    if (end?.kind === 'accept') return { kind: 'accepted', route: walk.route };
    return { kind: 'refused', because: end?.kind === 'reject' ? end.because : undefined, route: walk.route };
  } catch (stop) {
    if (stop instanceof OpaqueHook) return { kind: 'opaque', hook: stop.hook };
    throw stop;
  }
}

type End =
  | { readonly kind: 'accept' }
  | { readonly kind: 'reject'; readonly because: string | undefined }
  | { readonly kind: 'return'; readonly value: boolean };

class OpaqueHook extends Error {
  readonly hook: string;
  constructor(hook: string) {
    super(hook);
    this.hook = hook;
  }
}

/** Ends a filter from inside a function. */
class Rejected extends Error {
  readonly because: string | undefined;
  constructor(because: string | undefined) {
    super('rejected');
    this.because = because;
  }
}

/** A class, because it holds the route as it changes on the way. */
class Walk {
  route: RouteFacts;
  readonly #functions: ReadonlyMap<string, BirdFunction>;

  constructor(functions: ReadonlyMap<string, BirdFunction>, route: RouteFacts) {
    this.#functions = functions;
    this.route = route;
  }

  body(statements: readonly BirdStatement[], isEbgp: boolean): End | undefined {
    for (const statement of statements) {
      const end = this.#statement(statement, isEbgp);
      if (end) return end;
    }
    return undefined;
  }

  #statement(statement: BirdStatement, isEbgp: boolean): End | undefined {
    switch (statement.kind) {
      case 'accept':
        return { kind: 'accept' };
      case 'reject':
        return { kind: 'reject', because: statement.because };
      case 'return':
        return { kind: 'return', value: statement.value };
      case 'if':
        return this.#branch(statement, isEbgp);
      case 'set':
        this.route =
          statement.attribute === 'bgp_med'
            ? { ...this.route, med: statement.value }
            : { ...this.route, localPref: statement.value };
        return undefined;
      case 'add-community':
        this.route = { ...this.route, communities: [...this.route.communities, statement.community] };
        return undefined;
      case 'delete-communities': {
        const communities = this.route.communities.filter((one) => !matches(statement.pattern, one));
        this.route = { ...this.route, communities };
        return undefined;
      }
      case 'prepend':
        this.route = { ...this.route, asPath: [statement.as, ...this.route.asPath] };
        return undefined;
      case 'replace-as': {
        const { asPath } = this.route;
        const kept = asPath.filter((as) => as !== statement.from);
        const added = Array.from({ length: asPath.length - kept.length }, () => statement.to);
        this.route = { ...this.route, asPath: [...added, ...kept] };
        return undefined;
      }
    }
  }

  #branch(statement: Extract<BirdStatement, { kind: 'if' }>, isEbgp: boolean): End | undefined {
    try {
      return this.holds(statement.when, isEbgp) ? this.body(statement.body, isEbgp) : undefined;
    } catch (stop) {
      if (stop instanceof Rejected) return { kind: 'reject', because: stop.because };
      throw stop;
    }
  }

  holds(condition: BirdCondition, isEbgp: boolean): boolean {
    const { route } = this;
    switch (condition.kind) {
      case 'always':
        return true;
      case 'never':
        return false;
      case 'not':
        return !this.holds(condition.operand, isEbgp);
      case 'all':
        return condition.operands.every((operand) => this.holds(operand, isEbgp));
      case 'any':
        return condition.operands.some((operand) => this.holds(operand, isEbgp));
      case 'net-in':
        return condition.set.some(
          ({ prefix, low, high }) =>
            prefix.family === route.prefix.family &&
            containsPrefix(prefix, route.prefix) &&
            low <= route.prefix.length &&
            route.prefix.length <= high,
        );
      case 'net-in-named':
        throw new Error(`set ${condition.name} is not known here: filters are walked before their sets are shared`);
      case 'is-ebgp':
        return isEbgp;
      case 'call':
        return this.#call(condition.name, condition.isEbgp);
      case 'call-hook':
        throw new OpaqueHook(condition.name);
      case 'protocol':
        return route.protocol === condition.name;
      case 'source':
        return sources[route.source] === condition.source;
      case 'discards':
        return route.discards;
      case 'interface':
        return route.interfaceName !== '' && wildcard(condition.pattern).test(route.interfaceName);
      case 'community':
        return route.communities.some((one) => one.join() === condition.community.join());
      case 'large-community-in':
        return route.communities.some((one) => matches(condition.pattern, one));
      case 'path-longer-than':
        return route.asPath.length > condition.length;
      case 'first-as':
        return route.asPath[0] === condition.as;
      case 'as-path-prefix':
        return condition.as.every((as, i) => route.asPath[i] === as);
      case 'local-pref':
        return route.localPref === condition.value;
      case 'kernel-metric':
        return condition.value === 'any' ? route.kernelMetric !== undefined : route.kernelMetric === condition.value;
    }
  }

  #call(name: string, isEbgp: boolean): boolean {
    const called = this.#functions.get(name);
    if (!called) throw new Error(`function ${name} is called and not defined`);
    const end = this.body(called.body, isEbgp);
    if (end?.kind === 'reject') throw new Rejected(end.because);
    return end?.kind === 'return' && end.value;
  }
}

const sources: Readonly<Record<RouteFacts['source'], string>> = {
  bgp: 'RTS_BGP',
  static: 'RTS_STATIC',
  kernel: 'RTS_INHERIT',
  device: 'RTS_DEVICE',
};

function matches({ as, function: code }: LargePattern, community: Community): boolean {
  if (community.length !== 3 || community[0] !== as) return false;
  return typeof code === 'number' ? community[1] === code : code.first <= community[1] && community[1] <= code.last;
}

function wildcard(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${escaped}$`);
}
