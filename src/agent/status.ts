/**
 * What a router's agent observed, as it is written to the store and served by its API.
 *
 * Invariant: every field comes from something read back (kernel, BIRD, store), never from a write that was believed.
 */
import type { SessionStatus } from '../bird/daemon.ts';
import type { LinkStatus } from '../links/link-keeper.ts';

export interface RouterStatus {
  readonly router: string;
  /** RFC 3339. */
  readonly observedAt: string;
  readonly agent: { readonly version: string; readonly pid: number; readonly startedAt: string };
  readonly store: { readonly connected: boolean; readonly revision: number };
  readonly policy: {
    /** Store revision whose policy the kernel was seen to hold; null before the first. */
    readonly revision: number | null;
    readonly inSync: boolean;
    readonly endpoints: number;
    readonly policies: number;
    /** Router.forwarding.defaultAction in force; null before the first intent. */
    readonly forwardDefault: 'Allow' | 'Deny' | null;
  };
  readonly routing: {
    /** Store revision whose configuration BIRD took; null before the first. */
    readonly revision: number | null;
    readonly bird: 'unknown' | 'down' | 'running';
    readonly forwarding: boolean;
    /** How many prefixes no default route can carry, as the kernel was seen to hold. */
    readonly confined: number;
    readonly sessions: readonly SessionStatus[];
  };
  /** What carries each Attachment, sorted by interface name. */
  readonly links: readonly LinkStatus[];
  readonly drain: {
    /** Whether the operator takes the router out of service. */
    readonly isOn: boolean;
    /** RFC 3339; null where it is off. */
    readonly since: string | null;
    readonly reason: string | null;
    /** Whether BIRD was given what that asks for, on or off. */
    readonly isInForce: boolean;
  };
  /** Things changed behind the agent's back and put right, since it started. */
  readonly repairs: { readonly count: number; readonly last: Repair | null };
  /** The error that keeps the router from what is wanted; null when there is none. */
  readonly lastError: { readonly at: string; readonly subject: string; readonly message: string } | null;
  /** Stored objects that are invalid and therefore not acted on. */
  readonly invalid: readonly string[];
  readonly warnings: readonly string[];
}

export interface Repair {
  readonly at: string;
  /** `nft table`, `BIRD`, `kernel routes`, `forwarding`, `confinement`. */
  readonly subject: string;
  readonly message: string;
}
