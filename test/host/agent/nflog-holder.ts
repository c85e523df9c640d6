/** Runs inside a test's namespace: takes the agent's nflog group, says so, and keeps it until it is killed. */
import { openNflog } from '../../../src/edge/nflog.ts';
import { logGroup } from '../../../src/nftables/flow-log.ts';

const opened = await openNflog(logGroup);
console.log(opened.ok ? 'held' : opened.error.kind);
setInterval(() => undefined, 60_000);
