/**
 * The port to one router's BIRD: run it, give it a configuration, see what it does.
 *
 *   BirdConfig text ─[configure]→ BIRD ─[sessions, routes]→ SessionStatus, RibEntry → status
 *
 * Invariant: BIRD outlives whoever started it, and keeps its last confirmed configuration whatever happens to the caller.
 */
import type { AggregateIntent } from '../intent/routing/routing-intent.ts';
import type { Family } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Result } from '../result.ts';

export interface BirdDaemon {
  /** The text that a BIRD started earlier was last confirmed with; undefined when none of ours runs. */
  adopt(): Promise<string | undefined>;
  /** Starts BIRD with the text, or reconfigures the running one: check, configure with timeout, confirm. */
  configure(text: string): Promise<Result<void, BirdError>>;
  /** Ends BIRD and takes its routes out of the kernel. Fine when none runs. */
  stop(): Promise<Result<void, BirdError>>;
  /** Our sessions, sorted by name. */
  sessions(): Promise<Result<readonly SessionStatus[], BirdError>>;
  /** Routes BIRD knows, with their attributes. */
  routes(query?: RouteQuery): Promise<Result<readonly RibEntry[], BirdError>>;
  /** How many routes a session was told, counted in BIRD's table: its own counter may be wrong after a reload. */
  countExported(session: string, family: Family): Promise<Result<number, BirdError>>;
  /** Lets a session run again that was ended by a limit with action `down`; fine for one that runs. */
  enable(session: string): Promise<Result<void, BirdError>>;
  /** State of BFD by neighbor and interface, as BIRD prints it: `Up`, `Down`, `Init`, `AdminDown`. */
  bfd(): Promise<Result<readonly BfdStatus[], BirdError>>;
  /** Those aggregates that a route inside exists for, which another than their only session told. */
  activeAggregates(aggregates: readonly AggregateIntent[]): Promise<Result<readonly Prefix[], BirdError>>;
  /** Makes BIRD compare the kernel with its table now; the prefixes that were put back. */
  restoreRoutes(): Promise<Result<readonly string[], BirdError>>;
  /** Takes or gives routes again that a limit had held back and now has room for; names of the sessions. */
  readmitRoutes(): Promise<Result<readonly string[], BirdError>>;
  /** Calls back once for each time a running BIRD is found to have ended without our asking. */
  onDown(listener: () => void): { close(): void };
  /** Lets go of BIRD, which goes on; a later call attaches again. */
  leave(): void;
}

export interface BirdError {
  /**
   * `missing-program`: BIRD is not installed. `not-running`: no BIRD answers. `refused`: BIRD does not accept the text
   * (our bug) and keeps what it has. `timeout`: it took too long. `failed`: anything else.
   */
  readonly kind: 'missing-program' | 'not-running' | 'refused' | 'timeout' | 'failed';
  /** What it was about: a command's first words, or a file. Never a secret. */
  readonly subject: string;
  readonly message: string;
}

/** One BGP session as BIRD reports it. JSON-safe, since status is stored. */
export interface SessionStatus {
  /** As in SessionIntent. */
  readonly name: string;
  readonly neighbor: string;
  readonly remoteAs: number;
  readonly localAs: number | null;
  /** BGP's own state, `Established` when up; `Down` for a session that is held down or not started. */
  readonly state: 'Idle' | 'Connect' | 'Active' | 'OpenSent' | 'OpenConfirm' | 'Established' | 'Close' | 'Down';
  /** As BIRD prints it: `2026-11-25 01:31:09.111`, local time. */
  readonly since: string;
  readonly lastError: string | null;
  /** What the neighbor's OPEN offered, in BIRD's words: `Graceful restart`, `4-octet AS numbers` …; none before it came. */
  readonly capabilities?: readonly string[];
  /** Negotiated, in seconds. */
  readonly holdSeconds?: number;
  readonly channels: readonly ChannelStatus[];
}

export interface BfdStatus {
  readonly neighbor: string;
  readonly interface: string | null;
  readonly state: string;
  /** As BIRD prints it. */
  readonly since: string;
  /** Negotiated, in milliseconds. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export interface ChannelStatus {
  readonly family: 4 | 6;
  readonly state: string;
  readonly imported: number;
  readonly filtered: number;
  readonly exported: number;
  readonly preferred: number;
  /** Set when a limit is configured. */
  readonly receiveLimit: number | null;
  readonly importLimit: number | null;
  readonly exportLimit: number | null;
  /** Limits that were reached, and whose action was taken. */
  readonly limitsHit: readonly ('receive' | 'import' | 'export')[];
}

export interface RouteQuery {
  /** Only this prefix: itself unless `match` says otherwise. */
  readonly prefix?: Prefix;
  readonly match?: 'exact' | 'longer' | 'for';
  /** What import filters refused, in the place of what they accepted. */
  readonly filtered?: boolean;
  /** Only routes of this session, by SessionIntent's name. */
  readonly session?: string;
  /** Only what this session was told: what a limit blocks is not among it. Attributes are those before the export filter. */
  readonly exportedTo?: string;
}

export interface RibEntry {
  readonly prefix: string;
  /** `unicast`, `blackhole`, `unreachable` … */
  readonly destination: string;
  readonly protocol: string;
  readonly since: string;
  /** Peer the route was learned from, where BIRD says one. */
  readonly from: string | null;
  /** Whether it is the route BIRD prefers for its prefix. */
  readonly preferred: boolean;
  readonly preference: number;
  readonly nextHops: readonly { readonly gateway: string | null; readonly device: string | null }[];
  /** Further attributes by BIRD's names, such as `BGP.as_path` → `65010 64601`. */
  readonly attributes: Readonly<Record<string, string>>;
}
