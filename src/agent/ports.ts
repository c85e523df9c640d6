/**
 * What the agent needs of the host, as ports; implemented in edge/, spoken in the domain's words.
 *
 * Packet filter and BIRD have their ports beside their languages: nftables/packet-filter.ts and table-reader.ts, bird/daemon.ts.
 */
import type { BirdDaemon } from '../bird/daemon.ts';
import type { BirdSnippet } from '../bird/snippets.ts';
import type { InterfaceFacts } from '../intent/policy/policy-intent.ts';
import type { PrefixBound } from '../intent/routing/routing-intent.ts';
import type { Family } from '../net/address.ts';
import type { PacketFilter } from '../nftables/packet-filter.ts';
import type { TableReader } from '../nftables/table-reader.ts';
import type { SecretRef } from '../resources/secret-ref.ts';
import type { Snapshot } from '../resources/snapshot.ts';
import type { Result } from '../result.ts';
import type { AppliedRecord } from './applied-record.ts';
import type { DrainRecord } from './drain-record.ts';
import type { RouterStatus } from './status.ts';

export interface HostError {
  readonly kind: 'missing-program' | 'not-permitted' | 'failed';
  readonly subject: string;
  readonly message: string;
}

/** A route of the kernel's main table. */
export interface KernelRoute {
  readonly family: Family;
  /** `address/length`, canonical. */
  readonly prefix: string;
  /** One per path; `gateway` is undefined for a connected route. */
  readonly nextHops: readonly { readonly gateway: string | undefined; readonly device: string | undefined }[];
  /** Who installed it: `bird`, `kernel`, `static`, a number … */
  readonly protocol: string;
  readonly metric: number;
}

/** Packets since the start of the host. */
export interface TrafficCounters {
  /** Forwarded from one interface to another, both families; what the router itself sends and receives is not among them. */
  readonly forwarded: number;
  /** All that passed each interface, by name. */
  readonly interfaces: ReadonlyMap<string, { readonly received: number; readonly sent: number }>;
}

export type HostChange = 'interfaces' | 'route-deleted' | 'confinement';

export interface Host {
  interfaces(): Promise<Result<readonly InterfaceFacts[], HostError>>;
  /** Switches forwarding of both families on or off; says whether anything had to change. */
  setForwarding(on: boolean): Promise<Result<boolean, HostError>>;
  /**
   * Sees to it that no default route carries what is forwarded to a confined address, and nothing else is kept from one; says
   * whether anything had to change.
   */
  confine(confinement: PrefixBound): Promise<Result<boolean, HostError>>;
  routes(): Promise<Result<readonly KernelRoute[], HostError>>;
  traffic(): Promise<Result<TrafficCounters, HostError>>;
  /**
   * Calls back, at most about every 100 ms, after interfaces or addresses changed, a route of BIRD's was deleted, or somebody
   * changed what confines.
   */
  watch(onChange: (change: HostChange) => void): { close(): void };
}

export interface SecretSource {
  /** The secrets that are there and readable; missing ones are left out. Keys are `name/key`. */
  read(refs: readonly SecretRef[]): Promise<ReadonlyMap<string, string>>;
}

/** Remembers, across restarts, that this machine is a router. */
export interface AppliedFile {
  load(): Promise<AppliedRecord | undefined>;
  /** Whether it is kept. */
  save(record: AppliedRecord): Promise<boolean>;
}

/** Remembers, across restarts, that the router is drained. */
export interface DrainFile {
  load(): Promise<DrainRecord | undefined>;
  /** Undefined takes it away. */
  save(record: DrainRecord | undefined): Promise<Result<void, { readonly message: string }>>;
}

/** The user's own BIRD text. */
export interface SnippetSource {
  /** All files in order; an error where one of them cannot be used, since a part is not what was meant. */
  read(): Promise<Result<readonly BirdSnippet[], { readonly message: string }>>;
}

export interface StatusWriter {
  write(status: RouterStatus): Promise<Result<void, { readonly kind: string; readonly message: string }>>;
}

/** Time, and a bell that rings regularly. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  every(ms: number, ring: () => void): { close(): void };
}

export interface LogSink {
  write(level: 'info' | 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>): void;
}

/** Stored objects that a snapshot does not show as they stand. */
export interface SnapshotFlaws {
  /** Objects that are not valid, with the reason, and what counts in their place. */
  readonly invalid: readonly string[];
  /** Names of those of them that the snapshot lacks, since no valid version was ever seen. */
  readonly unreadable: readonly string[];
}

/** Complete snapshots, the first one as soon as there is one, then one after each change. */
export interface SnapshotSource {
  follow(listener: {
    onSnapshot(snapshot: Snapshot, flaws: SnapshotFlaws): void;
    /** The store went away or came back. */
    onConnection(connected: boolean, message: string): void;
  }): { close(): void };
}

/** Everything the agent touches the world with. */
export interface AgentPorts {
  readonly filter: PacketFilter;
  readonly table: TableReader;
  readonly bird: BirdDaemon;
  readonly host: Host;
  readonly secrets: SecretSource;
  readonly applied: AppliedFile;
  readonly drain: DrainFile;
  readonly snippets: SnippetSource;
  readonly status: StatusWriter;
  readonly snapshots: SnapshotSource;
  readonly clock: Clock;
  readonly log: LogSink;
}
