/**
 * Everything the agent knows, and everything it can hear or ask for.
 *
 *   (AgentState, AgentEvent) ─[step]→ [AgentState, Effect[]]
 *
 * Invariant: immutable and serialisable; time comes in with each event.
 */
import type { BirdError, SessionStatus } from '../bird/daemon.ts';
import type { BirdSnippet } from '../bird/snippets.ts';
import type { RouterIntent } from '../intent/router-intent.ts';
import type { AggregateIntent, PrefixBound } from '../intent/routing/routing-intent.ts';
import type { LinkStatus } from '../links/link-keeper.ts';
import type { Prefix } from '../net/prefix.ts';
import type { ChangeCheck } from '../nftables/check-change.ts';
import type { RulesetChange } from '../nftables/diff.ts';
import type { NftError } from '../nftables/packet-filter.ts';
import type { Ruleset } from '../nftables/ruleset.ts';
import type { ObservedParts, ObservedTable, TableParts } from '../nftables/table-reader.ts';
import type { SecretRef } from '../resources/secret-ref.ts';
import type { Result } from '../result.ts';
import type { AppliedRecord } from './applied-record.ts';
import type { BirdSource } from './bird-source.ts';
import type { DrainRecord } from './drain-record.ts';
import type { HostError, SnapshotFlaws } from './ports.ts';
import type { Repair, RouterStatus } from './status.ts';

export interface AgentState {
  readonly router: string;
  readonly agent: RouterStatus['agent'];
  readonly store: { readonly connected: boolean; readonly revision: number };
  readonly invalid: readonly string[];
  /** Names of invalid objects that `desired` lacks, since no valid version of them is known. */
  readonly unreadable: readonly string[];
  /** Whether this agent has found the kernel without a table, recognised the one there, or written its own. */
  readonly isTakenOver: boolean;
  /** Undefined before the first complete snapshot: until then nothing is written. */
  readonly desired: Desired | undefined;
  /** By `name/key`; undefined until read for the first time. Never printed. */
  readonly secrets: ReadonlyMap<string, string> | undefined;
  /** That this machine is, or was, a router: undefined until policy was seen in the kernel for the first time. */
  readonly applied: AppliedRecord | undefined;
  /** Whether the file says so. */
  readonly isRecorded: boolean;
  /** Set while the operator takes the router out of service. */
  readonly drain: DrainRecord | undefined;
  /** The user's own BIRD text as it was last read and could be used; undefined before that. */
  readonly snippets: readonly BirdSnippet[] | undefined;
  /** Why what stands there now cannot be used. */
  readonly snippetError: string | undefined;
  /** Aggregates that BIRD knows a member of; undefined until it was asked. */
  readonly activeAggregates: readonly Prefix[] | undefined;
  /** Those that were active when BIRD was started, and stay so until then (ms). */
  readonly keptAggregates: { readonly prefixes: readonly Prefix[]; readonly until: number };
  readonly filter: FilterState;
  readonly bird: BirdState;
  /** `recheck`: it was on when last seen, and is to be looked at again. */
  readonly forwarding: 'unknown' | 'on' | 'recheck' | 'off';
  /** What the kernel was seen to keep from default routes; `isDue`: it is to be looked at again. */
  readonly confinement: { readonly held: PrefixBound | undefined; readonly isDue: boolean };
  /** The converging effect under way; at most one at a time, so that the order of applyOrder holds. */
  readonly busy: Effect['kind'] | undefined;
  /** No converging effect before this time (ms), after one has failed. */
  readonly retryAt: number;
  readonly failures: number;
  readonly sessions: readonly SessionStatus[];
  /** As they were last seen. */
  readonly links: readonly LinkStatus[];
  /** Whether every driver was asked for what is desired, and answered; undefined where nobody keeps links. */
  readonly areLinksKept: boolean | undefined;
  readonly repairs: { readonly count: number; readonly last: Repair | null };
  readonly lastError: RouterStatus['lastError'];
  readonly status: { readonly written: string; readonly writtenAt: number; readonly isWriting: boolean };
  /**
   * When the table was last read whole, and how long that took, in ms. `hasFailed`: it could not be, and nothing was written since.
   */
  readonly filterRead: { readonly at: number; readonly took: number; readonly hasFailed: boolean };
  /** Whether it is time to ask if the ruleset is of the generation it was left in. */
  readonly isGenerationDue: boolean;
  /** When the last slow round was, in ms. */
  readonly slowTickAt: number;
  /** When the last event was heard, in ms. */
  readonly heardAt: number;
}

/** What the router must be: a router, or (its resources were taken away) no router any more. */
export type Desired =
  | { readonly kind: 'router'; readonly revision: number; readonly intent: RouterIntent; readonly filter: FilterGoal }
  | { readonly kind: 'absent'; readonly revision: number; readonly reason: string };

/** A ruleset, and the store revision that asked for it; null for the guard, which none did. */
export interface FilterGoal {
  /** The same object as before when nothing in it changed: goals are compared by it. */
  readonly ruleset: Ruleset;
  readonly revision: number | null;
}

/** What the kernel's table is known to hold. */
export type FilterState =
  /** Not read since the start. */
  | { readonly kind: 'unknown' }
  /** Applied, not yet read back. */
  | {
      readonly kind: 'unverified';
      readonly goal: FilterGoal;
      /** What to look at; undefined for the whole table. */
      readonly change: AppliedChange | undefined;
      readonly isTouched: boolean;
    }
  /** Read back and found to be this. */
  | {
      readonly kind: 'held';
      readonly goal: FilterGoal;
      /** The kernel's count of transactions then; one more for each of ours since. */
      readonly generation: number;
      /** The monitor rang since it was last begun to be read: read again. */
      readonly isTouched: boolean;
    }
  /** Something else than what this agent wrote: to be replaced whole. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'absent' };

/** A transaction on a table that was held. */
export interface AppliedChange {
  readonly check: ChangeCheck;
  /** Before it. */
  readonly generation: number;
}

export type BirdState =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'down' }
  | {
      readonly kind: 'running';
      readonly text: string;
      /** What the text was compiled from; undefined while only a predecessor knows. */
      readonly source: BirdSource | undefined;
      readonly revision: number | null;
    };

export type AgentEvent =
  | {
      readonly kind: 'started';
      readonly applied: AppliedRecord | undefined;
      readonly drain: DrainRecord | undefined;
    }
  /** Already kept in the file; undefined for a router that is back in service. */
  | { readonly kind: 'drain'; readonly record: DrainRecord | undefined }
  | {
      readonly kind: 'intent';
      readonly intent: RouterIntent;
      /** Of the intent's policy. */
      readonly ruleset: Ruleset;
      readonly revision: number;
      readonly flaws: SnapshotFlaws;
    }
  | { readonly kind: 'intent-gone'; readonly revision: number; readonly reason: string; readonly flaws: SnapshotFlaws }
  | { readonly kind: 'store'; readonly connected: boolean; readonly message: string }
  | { readonly kind: 'secrets'; readonly secrets: ReadonlyMap<string, string> }
  | { readonly kind: 'snippets'; readonly result: Result<readonly BirdSnippet[], { readonly message: string }> }
  | { readonly kind: 'filter-read'; readonly result: Result<ObservedTable | undefined, NftError> }
  | { readonly kind: 'parts-read'; readonly result: Result<ObservedParts, NftError> }
  | { readonly kind: 'generation-read'; readonly result: Result<number, NftError> }
  | {
      readonly kind: 'filter-applied';
      readonly goal: FilterGoal | undefined;
      readonly check: ChangeCheck | undefined;
      readonly result: Result<void, NftError>;
    }
  | { readonly kind: 'filter-touched' }
  | { readonly kind: 'applied-saved'; readonly isSaved: boolean }
  | { readonly kind: 'forwarding-set'; readonly on: boolean; readonly result: Result<boolean, HostError> }
  | { readonly kind: 'confined'; readonly confinement: PrefixBound; readonly result: Result<boolean, HostError> }
  /** Somebody changed what confines. */
  | { readonly kind: 'confinement-touched' }
  | { readonly kind: 'bird-adopted'; readonly text: string | undefined }
  | {
      readonly kind: 'bird-configured';
      readonly text: string;
      readonly source: BirdSource;
      readonly revision: number | null;
      readonly result: Result<void, BirdError>;
    }
  | { readonly kind: 'bird-stopped'; readonly result: Result<void, BirdError> }
  | { readonly kind: 'bird-down' }
  | { readonly kind: 'sessions'; readonly result: Result<readonly SessionStatus[], BirdError> }
  /** Those that stand for something. */
  | { readonly kind: 'aggregates'; readonly result: Result<readonly Prefix[], BirdError> }
  | { readonly kind: 'links'; readonly links: readonly LinkStatus[]; readonly areKept: boolean }
  | { readonly kind: 'routes-repaired'; readonly prefixes: readonly string[] }
  | {
      readonly kind: 'status-written';
      readonly text: string;
      readonly result: Result<void, { readonly message: string }>;
    }
  | { readonly kind: 'tick' };

export type Effect =
  | { readonly kind: 'read-filter' }
  | { readonly kind: 'read-parts'; readonly parts: TableParts }
  | { readonly kind: 'read-generation' }
  /** One transaction; `check` says how to tell that it came about, where that takes less than reading all. */
  | {
      readonly kind: 'apply-filter';
      readonly change: RulesetChange;
      readonly goal: FilterGoal;
      readonly check: ChangeCheck | undefined;
    }
  | { readonly kind: 'remove-filter' }
  | { readonly kind: 'save-applied'; readonly record: AppliedRecord }
  | { readonly kind: 'set-forwarding'; readonly on: boolean }
  | { readonly kind: 'confine'; readonly confinement: PrefixBound }
  | { readonly kind: 'adopt-bird' }
  /** Starts BIRD with the text, or reconfigures the running one. */
  | {
      readonly kind: 'configure-bird';
      readonly text: string;
      readonly source: BirdSource;
      readonly revision: number | null;
    }
  | { readonly kind: 'stop-bird' }
  | { readonly kind: 'read-sessions' }
  | { readonly kind: 'read-aggregates'; readonly aggregates: readonly AggregateIntent[] }
  | { readonly kind: 'read-snippets' }
  | { readonly kind: 'read-secrets'; readonly refs: readonly SecretRef[] }
  | { readonly kind: 'write-status'; readonly status: RouterStatus; readonly text: string }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };
