/**
 * Rules that were resolved once and are taken again while nothing they came from has changed.
 *
 *   resource ─[RulesMemory.resolve]→ PolicyRules, known or resolved anew
 *
 * Invariant: what is returned equals what resolving anew would give; what equals the rules returned before for the same id is
 * the same object, down to each rule. Sets are held for the rules that use them. A class, because it remembers.
 */
import { sameItems, sameValue } from '../../net/same-value.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Warning } from '../router-intent.ts';
import type { PolicyId, PolicyRules, RuleIntent, SetId } from './policy-intent.ts';
import type { RuleContext } from './resolve-rule.ts';
import type { CountedSets } from './used-sets.ts';

/** What resolving rules looks at beside the resource itself. */
export interface RulesSurroundings {
  /** Every Service of which something is known, by `namespace/name`. */
  readonly services: Pick<ReadonlySet<string>, 'has'>;
  readonly foldsNotSelector: boolean;
}

interface Remembered {
  readonly resource: Resource;
  readonly rules: PolicyRules;
  readonly warnings: readonly Warning[];
  /** Services that were asked for, and whether they were known. */
  readonly services: ReadonlyMap<string, boolean>;
  readonly foldsNotSelector: boolean;
  readonly held: readonly SetId[];
  round: number;
}

export class RulesMemory {
  private readonly sets: CountedSets;
  private readonly remembered = new Map<PolicyId, Remembered>();
  private surroundings: RulesSurroundings = { services: new Set(), foldsNotSelector: false };
  private warned: (readonly Warning[])[] = [];
  private round = 0;

  constructor(sets: CountedSets) {
    this.sets = sets;
  }

  /** Begins a resolution: whatever is not asked for until `end` is forgotten. */
  begin(surroundings: RulesSurroundings): void {
    this.surroundings = surroundings;
    this.warned = [];
    this.round++;
  }

  /** @param make pure but for what it reads of the context */
  resolve(id: PolicyId, resource: Resource, make: (context: RuleContext) => PolicyRules): PolicyRules {
    const known = this.remembered.get(id);
    const entry = known && this.isCurrent(known, resource) ? known : this.renew(id, resource, make, known);
    entry.round = this.round;
    if (entry.warnings.length > 0) this.warned.push(entry.warnings);
    return entry.rules;
  }

  /** The sets that the rules of these ids use. */
  setsOf(ids: Iterable<PolicyId>): ReadonlySet<SetId> {
    const sets = new Set<SetId>();
    for (const id of ids) for (const set of this.remembered.get(id)?.held ?? []) sets.add(set);
    return sets;
  }

  /** Forgets what was not asked for since `begin`; the warnings of what was. */
  end(): readonly (readonly Warning[])[] {
    for (const [id, { round, held }] of this.remembered) {
      if (round === this.round) continue;
      this.sets.release(held);
      this.remembered.delete(id);
    }
    return this.warned;
  }

  private isCurrent(known: Remembered, resource: Resource): boolean {
    const { services, foldsNotSelector } = this.surroundings;
    if (known.resource !== resource || known.foldsNotSelector !== foldsNotSelector) return false;
    for (const [service, isKnown] of known.services) if (services.has(service) !== isKnown) return false;
    return true;
  }

  private renew(
    id: PolicyId,
    resource: Resource,
    make: (context: RuleContext) => PolicyRules,
    known: Remembered | undefined,
  ): Remembered {
    const { services, foldsNotSelector } = this.surroundings;
    const asked = new Map<string, boolean>();
    const warnings: Warning[] = [];
    const held = new Set<SetId>();
    const rules = make({
      subject: resource,
      sets: this.sets.holding(held),
      services: {
        has: (service) => {
          asked.set(service, services.has(service));
          return services.has(service);
        },
      },
      foldsNotSelector,
      warnings,
    });
    // After the new ones are held: a set that is used on is never forgotten in between.
    if (known) this.sets.release(known.held);
    const entry = {
      resource,
      rules: known ? keepRules(known.rules, rules) : rules,
      warnings,
      services: asked,
      foldsNotSelector,
      held: [...held],
      round: this.round,
    };
    this.remembered.set(id, entry);
    return entry;
  }
}

function keepRules(before: PolicyRules, after: PolicyRules): PolicyRules {
  return {
    ...after,
    ingress: keepList(before.ingress, after.ingress),
    egress: keepList(before.egress, after.egress),
  };
}

/** By place: a rule's place is part of what it says. */
function keepList(before: readonly RuleIntent[], after: readonly RuleIntent[]): readonly RuleIntent[] {
  const kept = after.map((rule, i) => {
    const old = before[i];
    return old && sameValue(old, rule) ? old : rule;
  });
  return sameItems(before, kept) ? before : kept;
}
