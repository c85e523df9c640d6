/** Runs inside a test's namespace: takes the agent's nflog group, says so, and keeps it until it is killed. */
import { type NflogError, openNflog } from '../../../src/edge/nflog.ts';
import { logGroup } from '../../../src/nftables/flow-log.ts';

/** What the holder prints: `held` by itself, or why not. */
export type Holding = 'held' | `not ${NflogError['kind']}`;

const opened = await openNflog(logGroup);
const holding: Holding = opened.ok ? 'held' : `not ${opened.error.kind}`;
console.log(holding);
setInterval(() => undefined, 60_000);
