// The architecture as a table: a layer may import itself, src/result.ts and the layers it lists; bin/ wires and may import all.
// ARCHITECTURE.md draws the same table; test/arch proves that this check sees the tree and fails when it should.
export const layers = {
  net: [],
  netlink: [],
  resources: ['net'],
  store: ['net', 'resources'],
  intent: ['net', 'resources'],
  verdict: ['net', 'resources', 'intent'],
  nftables: ['net', 'netlink', 'resources', 'intent'],
  flows: ['net', 'netlink', 'resources', 'intent', 'verdict', 'nftables'],
  bird: ['net', 'resources', 'intent'],
  conntrackd: ['net', 'intent'],
  size: [],
  links: ['net', 'resources', 'intent'],
  agent: ['net', 'resources', 'store', 'intent', 'nftables', 'bird', 'links'],
  edge: [
    'net',
    'netlink',
    'resources',
    'store',
    'intent',
    'nftables',
    'flows',
    'bird',
    'conntrackd',
    'links',
    'agent',
    'api',
  ],
  api: ['net', 'resources', 'store', 'intent', 'verdict', 'nftables', 'flows', 'bird', 'conntrackd', 'links', 'agent'],
  client: ['net', 'resources', 'verdict', 'flows', 'api'],
  cli: [
    'net',
    'resources',
    'store',
    'intent',
    'verdict',
    'nftables',
    'flows',
    'bird',
    'size',
    'links',
    'api',
    'client',
    'edge',
  ],
};

/** Layers that see no Node, no clock, no randomness: everything between a Snapshot and the texts. */
export const pureLayers = [
  'net',
  'netlink',
  'resources',
  'store',
  'intent',
  'verdict',
  'nftables',
  'flows',
  'bird',
  'conntrackd',
  'size',
  'links',
  'agent',
];

const notTest = '[.]test[.]ts$';
const fromPure = { path: `^src/(${pureLayers.join('|')})/`, pathNot: notTest };

export default {
  forbidden: [
    ...Object.entries(layers).map(([layer, allowed]) => ({
      name: `layer-${layer}`,
      comment: `src/${layer} may import only ${[layer, ...allowed].join(', ')}: move the code down, or pass the value in.`,
      severity: 'error',
      from: { path: `^src/${layer}/`, pathNot: notTest },
      to: {
        path: '^(src|lab|test|bench)/',
        pathNot: ['^src/result[.]ts$', ...[layer, ...allowed].map((name) => `^src/${name}/`)],
      },
    })),
    {
      name: 'pure-no-node',
      comment: 'The pure middle does no I/O: declare a port in store/ or agent/ and implement it in edge/.',
      severity: 'error',
      from: fromPure,
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'pure-few-packages',
      comment: 'Only zod and yaml for what users write, and saxes for what AWS writes: pure all three.',
      severity: 'error',
      from: fromPure,
      to: { path: 'node_modules', pathNot: 'node_modules/(zod|yaml|saxes)/' },
    },
    {
      name: 'ffi-only-at-the-edge',
      comment: 'koffi and lmdb touch the host: only edge/ (and bench/) may load them.',
      severity: 'error',
      from: { path: '^(src|lab)/', pathNot: '^src/edge/' },
      to: { path: 'node_modules/(koffi|lmdb)/' },
    },
    {
      name: 'src-not-to-lab',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/bin/' },
      to: { path: '^(lab|test|bench)/' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
};
