/**
 * The verbs over files, the store and a running agent's socket. The verbs that run an agent or a lab are added by
 * bin/causeway.ts, since this layer knows neither.
 */
import type { VerbEntry } from './cli.ts';

export const verbs: readonly VerbEntry[] = [
  { name: 'validate', summary: 'check files, offline', load: () => import('./verbs/validate.ts') },
  { name: 'apply', summary: 'create or update resources', load: () => import('./verbs/apply.ts') },
  { name: 'create', summary: 'create resources that are not there yet', load: () => import('./verbs/create.ts') },
  { name: 'replace', summary: 'replace resources that are there', load: () => import('./verbs/replace.ts') },
  { name: 'get', summary: 'show resources', load: () => import('./verbs/get.ts') },
  { name: 'delete', summary: 'delete resources', load: () => import('./verbs/delete.ts') },
  { name: 'label', summary: 'set or remove a label of a resource', load: () => import('./verbs/label.ts') },
  { name: 'render', summary: 'the exact text a router would be given', load: () => import('./verbs/render.ts') },
  {
    name: 'explain',
    summary: 'what happens to a packet or a route, and why',
    load: () => import('./verbs/explain.ts'),
  },
  {
    name: 'status',
    summary: 'what a router sees, and whether it is as wanted',
    load: () => import('./verbs/status.ts'),
  },
  { name: 'peers', summary: 'BGP sessions, wanted and observed', load: () => import('./verbs/peers.ts') },
  { name: 'routes', summary: 'what BIRD knows and the kernel forwards with', load: () => import('./verbs/routes.ts') },
  {
    name: 'limits',
    summary: 'prefixes of each peer, and how many it may have',
    load: () => import('./verbs/limits.ts'),
  },
  { name: 'policy', summary: 'what applies to each endpoint, and counters', load: () => import('./verbs/policy.ts') },
  { name: 'flows', summary: 'packets that were denied or logged', load: () => import('./verbs/flows.ts') },
  { name: 'drain', summary: 'take a router out of service', load: () => import('./verbs/drain.ts') },
  { name: 'undrain', summary: 'put a router back into service', load: () => import('./verbs/undrain.ts') },
  { name: 'link', summary: 'links from what others describe', load: () => import('./verbs/link.ts') },
  { name: 'size', summary: 'memory of a planned router, and its machine', load: () => import('./verbs/size.ts') },
  { name: 'doctor', summary: 'what on this host is wrong, and its fix', load: () => import('./verbs/doctor.ts') },
  { name: 'selector', summary: 'try selectors on labels', load: () => import('./verbs/selector.ts') },
  { name: 'completion', summary: 'completion for a shell', load: () => import('./verbs/completion.ts') },
  { name: 'version', summary: 'the version of this program', load: () => import('./verbs/version.ts') },
];
