/**
 * The command `causeway`: its verbs, and nothing else. Each is loaded when it is used.
 */
import type { VerbEntry } from '../cli/cli.ts';
import { run } from '../cli/run.ts';
import { verbs } from '../cli/verbs.ts';

/** Verbs that wire an agent or build a lab. */
const liveVerbs: readonly VerbEntry[] = [
  { name: 'agent', summary: 'run one router', load: () => import('./agent-verb.ts') },
  { name: 'lab', summary: 'a whole topology in network namespaces', load: () => import('../../lab/cli.ts') },
];

await run(process.argv.slice(2), [...verbs, ...liveVerbs]);
