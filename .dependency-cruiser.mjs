// The doors between rooms (ARCHITECTURE.md), as rules. Type-only imports count: a room that needs another's types knows
// the other.
// @ts-check

const LIBRARY = '^packages/millpond/src'
const ROOMS = [
  'engine',
  'invalidate',
  'jobs',
  'memory',
  'nodes',
  'tiers',
  'wrap',
  'bus',
  'codec',
  'source',
  'warm',
  'http',
  'orm',
  'observe',
  'insight',
  'testing',
  'compat',
]

/**
 * A second room beside core, where ARCHITECTURE.md names the pair and why.
 * @type {Record<string, string[]>}
 */
export const PAIRS = {
  compat: ['engine'],
  engine: ['invalidate', 'jobs', 'memory', 'observe', 'wrap'],
  http: ['insight'],
  insight: ['invalidate', 'memory', 'observe'],
  orm: ['invalidate'],
  source: ['engine', 'observe', 'wrap'],
  tiers: ['wrap'],
}

/** Rooms that may use other people's code, as an optional peer or handed in by the user. */
const OPEN_ROOMS = ['tiers', 'bus', 'codec', 'http', 'orm', 'observe', 'compat']

/** @type {import('dependency-cruiser').DependencyType[]} */
const THIRD_PARTY = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-bundled', 'npm-no-pkg', 'npm-unknown']

/** @type {'error'} */
const severity = 'error'

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'core-imports-nothing',
      comment: 'core is words and pure rules: it imports nothing, not even node:',
      severity,
      from: { path: `${LIBRARY}/core/` },
      to: { pathNot: `${LIBRARY}/core/` },
    },
    ...ROOMS.map((room) => ({
      name: `${room}-imports-core-only`,
      comment: 'a second room needs a line in PAIRS and in ARCHITECTURE.md',
      severity,
      from: { path: `${LIBRARY}/${room}/` },
      to: { path: `${LIBRARY}/`, pathNot: `${LIBRARY}/(${['core', room, ...(PAIRS[room] ?? [])].join('|')})/` },
    })),
    {
      name: 'rooms-are-known',
      comment: 'a new room needs a line in ROOMS, so that it has doors',
      severity,
      from: { path: `${LIBRARY}/[^/]+/`, pathNot: `${LIBRARY}/(${['core', ...ROOMS].join('|')})/` },
      to: {},
    },
    {
      name: 'front-door-stays-light',
      comment:
        'whatever index.ts and create.ts reach must work without any package: adapters are imported by users through their subpath',
      severity,
      from: { path: `${LIBRARY}/(index|create)\\.ts$` },
      to: {
        path: `(^|/)node_modules/|${LIBRARY}/(tiers|orm|compat|testing|bus/(redis|postgres))/`,
        pathNot: 'node_modules/@types/node/',
        reachable: true,
      },
    },
    {
      name: 'other-peoples-code-in-open-rooms-only',
      comment: 'third-party code only in the rooms that are open to it',
      severity,
      from: { path: `${LIBRARY}/`, pathNot: `${LIBRARY}/(${OPEN_ROOMS.join('|')})/` },
      to: { dependencyTypes: THIRD_PARTY },
    },
    {
      name: 'library-through-its-exports',
      comment: 'other packages, the reference application and the benchmarks use the library by its public names',
      severity,
      from: { path: '^(packages/(?!millpond/)|apps/|bench/)' },
      // Their tests start real servers the same way, have the same two forms, and send the same hostile requests.
      to: {
        path: '^packages/millpond/(src|test)/',
        pathNot: '^packages/millpond/test/(services/|form\\.ts$|http/hostile-requests\\.ts$)',
      },
    },
    {
      name: 'library-knows-no-one',
      comment: 'the library imports no other package of this repository',
      severity,
      from: { path: `${LIBRARY}/` },
      to: { path: '^(packages/(?!millpond/)|apps/|bench/|scripts/)' },
    },
    {
      name: 'dashboard-by-http-only',
      comment: 'the dashboard knows the admin API over HTTP and nothing else; its tests start a real control plane',
      severity,
      from: { path: '^packages/dashboard/', pathNot: '^packages/dashboard/test/' },
      to: { path: '^packages/(?!dashboard/)|^apps/' },
    },
    {
      name: 'command-line-by-http-only',
      comment: 'commands know the admin API over HTTP; other packages are handed a command, or opened for --local',
      severity,
      from: {
        path: '^packages/cli/src/',
        pathNot: '^packages/cli/src/(hand-over|connection/local|commands/(ui|assets|images))\\.ts$',
      },
      to: { path: '^packages/(?!cli/)|^apps/' },
    },
    {
      name: 'one-seed-for-properties',
      comment: 'a property that draws its values by chance fails by chance: test/properties.ts draws them by a seed',
      severity,
      from: { pathNot: '^packages/millpond/test/properties\\.ts$' },
      to: { path: '(^|/)node_modules/fast-check/' },
    },
    {
      name: 'sources-import-no-tests',
      severity,
      // The long forms of the histories and the kills are scripts that run what the tests run.
      from: { pathNot: '(^|/)test/|^scripts/(histories|kills)\\.mjs$' },
      to: { path: '^(packages|apps)/[^/]+/test/|^bench/test/' },
    },
    { name: 'no-circles', severity, from: {}, to: { circular: true } },
    {
      name: 'declared-packages-only',
      comment:
        'a package that sources import is a dependency or a peer in the package.json beside them, not a tool of developers',
      severity,
      from: { path: '/src/' },
      // An optional peer is listed as unknown too.
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['npm', 'npm-peer', 'npm-optional'],
      },
    },
    { name: 'everything-resolves', severity, from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: '(^|/)(node_modules|dist)/' },
    // Next's own application is built by Next, in a folder of its own.
    exclude: { path: '(^|/)(dist|coverage|\\.cache|next-app/app)/' },
    tsConfig: { fileName: 'tsconfig.base.json' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default', 'node'],
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.json', '.d.ts'],
    },
    reporterOptions: { text: { highlightFocused: true } },
  },
}
