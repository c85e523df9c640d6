/**
 * What a rule knows of a packet by what it has compared so far, and the comparisons that nft adds of its own accord.
 *
 * Invariant: a field of IP is read only after a comparison of the family, one of ICMP after one of the protocol; one that is
 * written in the rule already is not added again.
 */
import type { Family } from '../../../net/address.ts';
import type { Field } from '../../ruleset.ts';
import type { ExpressionWriter } from './expressions.ts';
import { comparisons, metaKeys, nfproto } from './numbers.ts';

const tcp = 6;

export class RuleContext {
  readonly #expressions: ExpressionWriter;
  #family: Family | undefined;
  #protocol: number | undefined;

  constructor(expressions: ExpressionWriter) {
    this.#expressions = expressions;
  }

  get family(): Family | undefined {
    return this.#family;
  }

  compareFamily(family: Family): void {
    this.#expressions.meta(metaKeys.family);
    this.#expressions.compare(comparisons.equal, Uint8Array.of(nfproto[family]));
    this.#family = family;
  }

  /** The rule itself has compared it. */
  knowProtocol(protocol: number): void {
    this.#protocol = protocol;
  }

  demandFamilies(fields: readonly Field[]): void {
    for (const field of fields) {
      if (field.kind === 'address' && field.family !== this.#family) this.compareFamily(field.family);
    }
  }

  demandTcp(): void {
    if (this.#protocol === tcp) return;
    this.#expressions.meta(metaKeys.protocol);
    this.#expressions.compare(comparisons.equal, Uint8Array.of(tcp));
    this.#protocol = tcp;
  }

  /** ICMP or ICMPv6; a rule that named the protocol has named the family as far as nft asks. */
  demandIcmp(family: Family): void {
    const protocol = family === 4 ? 1 : 58;
    if (this.#protocol === protocol) return;
    if (this.#family !== family) this.compareFamily(family);
    this.#expressions.meta(metaKeys.protocol);
    this.#expressions.compare(comparisons.equal, Uint8Array.of(protocol));
    this.#protocol = protocol;
  }
}
