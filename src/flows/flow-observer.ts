/**
 * Turns what the kernel tells into records, and keeps count of what it cannot.
 *
 *   LogMessage*, policy and owners in force ─[FlowObserver.observe]→ FlowJournal, StagedTally, Unrecorded
 *
 * Invariant: what comes costs bounded time and memory: packets of a flow that is open are only counted, what there is no time
 * for waits, and what there is no room for is skipped, and said to be. A class, because it holds what was seen.
 */
import type { PolicyIntent } from '../intent/policy/policy-intent.ts';
import { parseLogTag } from '../nftables/flow-log.ts';
import type { Snapshot } from '../resources/snapshot.ts';
import type { Fib } from '../verdict/fib.ts';
import { explainTold, readTold } from './explain-message.ts';
import { FlowJournal, type JournalLimits } from './flow-journal.ts';
import type { StagedSummary, Unrecorded } from './flow-record.ts';
import type { LogMessage } from './nflog-message.ts';
import { OwnerIndex } from './owner-index.ts';
import { StagedTally } from './staged-summary.ts';

/** What packets are judged by. */
export interface ObserverContext {
  readonly policy: PolicyIntent;
  readonly snapshot: Snapshot;
  readonly fib: Fib | undefined;
  readonly nameOf: (index: number) => string;
}

/** Messages that wait for a turn: what the kernel tells of every place at once in its first burst. */
const mostWaiting = 2_000;

export class FlowObserver {
  readonly journal: FlowJournal;
  readonly #owners = new OwnerIndex();
  readonly #tally = new StagedTally();
  readonly #waiting: LogMessage[] = [];
  /** Counters of the kernel's chains that deny, as last read. */
  readonly #counters = new Map<string, number>();
  #hasCounters = false;
  #denied = 0;
  #toldDenied = 0;
  #lost = 0;
  #skipped = 0;
  #unreadable = 0;

  constructor(printTime: (ms: number) => string, limits?: JournalLimits) {
    this.journal = new FlowJournal(printTime, limits);
  }

  /**
   * Looks at what came, and at what is left from before, until `isLate`; the rest waits for the next time, as far as there is
   * room. `now` in ms since the epoch.
   */
  observe(
    messages: readonly LogMessage[],
    context: ObserverContext | undefined,
    now: number,
    isLate: () => boolean,
  ): void {
    this.journal.tick(now);
    for (const message of messages) {
      const word = parseLogTag(message.prefix)?.word;
      if (word === 'deny' || word === 'invalid') this.#toldDenied++;
      if (this.#waiting.length < mostWaiting) this.#waiting.push(message);
      else this.#skipped++;
    }
    if (context === undefined || !this.#owners.update(context.snapshot, isLate)) return;
    let seen = 0;
    for (; seen < this.#waiting.length && !isLate(); seen++) {
      this.#observeOne(this.#waiting[seen] as LogMessage, context, now);
    }
    this.#waiting.splice(0, seen);
  }

  #observeOne(message: LogMessage, { policy, fib, nameOf }: ObserverContext, now: number): void {
    const told = readTold(message, nameOf);
    if (!told) {
      this.#unreadable++;
      return;
    }
    if (this.journal.fold(told.flow, told.prefix)) return;
    const explained = explainTold({ policy, fib, findOwners: (address) => this.#owners.find(address) }, told);
    if (policy.staged && explained.walks) this.#tally.count(policy.staged, explained.walks);
    this.journal.add(told.flow, told.prefix, explained, now);
  }

  noteLost(messages: number): void {
    this.#lost += messages;
  }

  /** Packets denied by chain, as the kernel counts them; a chain that was written anew counts from 0 again. */
  noteDenied(counters: ReadonlyMap<string, number>): void {
    for (const [chain, count] of counters) {
      const before = this.#counters.get(chain) ?? (this.#hasCounters ? 0 : count);
      this.#denied += count >= before ? count - before : count;
      this.#counters.set(chain, count);
    }
    this.#hasCounters = true;
  }

  unrecorded(): Unrecorded {
    return {
      limited: Math.max(0, this.#denied - this.#toldDenied - this.#lost),
      lost: this.#lost,
      skipped: this.#skipped,
      unreadable: this.#unreadable,
    };
  }

  summaries(policy: PolicyIntent | undefined): readonly StagedSummary[] {
    return this.#tally.summaries(policy?.staged);
  }
}
