/**
 * The newest flow records, a bounded number of them.
 *
 *   Explained, time ─[FlowJournal.add]→ packets of one flow fold into one record ─▶ ring, followers
 *
 * A record is open for a second after its first packet, and closed then: followers are told when it closes, with its count.
 * Invariant: memory is bounded whatever comes: in closed records, in open ones, and in what is kept of each.
 * A class, because it holds the records.
 */
import type { Explained } from './explain-message.ts';
import type { FlowRecord } from './flow-record.ts';

export interface JournalLimits {
  readonly records: number;
  /** Beyond these the oldest open record is closed early. */
  readonly openFlows: number;
  readonly foldMs: number;
}

export const journalLimits: JournalLimits = { records: 10_000, openFlows: 2_000, foldMs: 1_000 };

/** Without the walks, whose traces are long. */
type Kept = Pick<Explained, 'record' | 'messagesOfEach'>;

interface OpenFlow extends Kept {
  readonly since: number;
  /** By prefix: a packet may be told of under several. */
  readonly messages: Map<string, number>;
}

export class FlowJournal {
  readonly #limits: JournalLimits;
  readonly #printTime: (ms: number) => string;
  /** In the order they were opened. */
  readonly #open = new Map<string, OpenFlow>();
  /** A ring: the oldest is at `#next` once it is full. */
  readonly #closed: FlowRecord[] = [];
  #next = 0;
  readonly #followers = new Set<(record: FlowRecord) => void>();

  constructor(printTime: (ms: number) => string, limits: JournalLimits = journalLimits) {
    this.#printTime = printTime;
    this.#limits = limits;
  }

  /** Whether the flow is open: then nothing has to be explained again. */
  fold(flow: string, prefix: string): boolean {
    const open = this.#open.get(flow);
    if (!open) return false;
    open.messages.set(prefix, (open.messages.get(prefix) ?? 0) + 1);
    return true;
  }

  add(flow: string, prefix: string, { record, messagesOfEach }: Kept, now: number): void {
    this.#open.set(flow, { since: now, record, messagesOfEach, messages: new Map([[prefix, 1]]) });
    if (this.#open.size <= this.#limits.openFlows) return;
    const [oldest] = this.#open.keys();
    if (oldest !== undefined) this.#close(oldest);
  }

  /** Closes what has been open for its time. */
  tick(now: number): void {
    for (const [flow, { since }] of this.#open) {
      if (now - since < this.#limits.foldMs) return;
      this.#close(flow);
    }
  }

  /** The oldest first; open ones as they stand, last. */
  records(): readonly FlowRecord[] {
    const open = [...this.#open.values()].flatMap((flow) => this.#recordOf(flow) ?? []);
    return [...this.#closed.slice(this.#next), ...this.#closed.slice(0, this.#next), ...open];
  }

  /** Calls back with each record as it closes. */
  follow(follower: (record: FlowRecord) => void): { close(): void } {
    this.#followers.add(follower);
    return { close: () => void this.#followers.delete(follower) };
  }

  get isFollowed(): boolean {
    return this.#followers.size > 0;
  }

  #close(flow: string): void {
    const open = this.#open.get(flow);
    this.#open.delete(flow);
    const record = open && this.#recordOf(open);
    if (!record) return;
    if (this.#closed.length < this.#limits.records) this.#closed.push(record);
    else {
      this.#closed[this.#next] = record;
      this.#next = (this.#next + 1) % this.#limits.records;
    }
    for (const follower of this.#followers) follower(record);
  }

  #recordOf({ since, record, messagesOfEach, messages }: OpenFlow): FlowRecord | undefined {
    if (!record) return undefined;
    const packets = Math.ceil(Math.max(...messages.values()) / messagesOfEach);
    return { time: this.#printTime(since), ...record, packets };
  }
}
