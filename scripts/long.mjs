// `npm run long -- --minutes N`: the long forms of what `npm test` does briefly: whole tables and figures, schedules of
// the simulator, soaks of the memory tier and of the HTTP cache, kills, histories under faults; the same tests on the
// other Nodes; and the docs site.
// @ts-check
import { parseArgs } from 'node:util'
import { bringNode, OTHER_NODES } from './other-nodes.mjs'
import { build, checkNode, install, run, tool } from './prepare.mjs'
import { bringServers } from './servers.mjs'

const USAGE = `npm run long -- [--minutes N] [--seed S]

  --minutes  how long it takes, all together, fetching and building included. Default 60, at least 5.
             With few minutes not everything is run: what was not is named, and another seed begins
             elsewhere.
  --seed     draws histories and operations. Default: by the time of day, and printed.

What it finds is printed with the seed that gives it again.`

/** @param {string} message @returns {never} */
function refuse(message) {
  console.error(`long: ${message}\n\n${USAGE}`)
  process.exit(2)
}

function options() {
  try {
    return parseArgs({
      options: { minutes: { type: 'string' }, seed: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    }).values
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

const given = options()
if (given.help) {
  console.log(USAGE)
  process.exit(0)
}
const minutes = Number(given.minutes ?? 60)
if (!(minutes >= 5 && minutes <= 10_000))
  refuse(`--minutes: ${JSON.stringify(given.minutes)} is not allowed: give a number from 5`)
const seed = Number(given.seed ?? Date.now() % 1_000_000)
if (!Number.isSafeInteger(seed) || seed < 0)
  refuse(`--seed: ${JSON.stringify(given.seed)} is not allowed: give a whole number from 0`)

const end = performance.now() + minutes * 60_000
checkNode()
if (!install() || !build()) process.exit(1)
bringServers()
console.log(`long: seed ${seed}, ${minutes} minutes`)

/** @param {readonly string[]} filters @param {Record<string, string>} env @param {string} [program] of Node */
const tests = (filters, env, program = process.execPath) =>
  run(program, [tool('vitest'), 'run', ...filters], { ...process.env, MILLPOND_SEED: String(seed), ...env })

/** Suites with a short form. */
const WHOLE = [
  'engine/batches',
  'engine/bursts',
  'engine/dependencies',
  'engine/forgotten-targets',
  'engine/peers',
  'engine/reroute',
  'http/safety',
  'histories/planted',
  'memory/weigh',
  'races/defects',
  'codec/message-pack',
  'codec/round-trips',
  'codec/seal',
  'codec/nonces',
  'codec/rotation',
  'tiers/file-crash',
  'tiers/large-batches',
  'warm/warming',
  'packages/cdn/test/storm',
  'packages/cdn/test/assets/hostile',
  'packages/cdn/test/assets/upload',
  'insight/bad-input',
  'insight/experiments/statistics',
  'apps/deals/test/http/stalls',
  'apps/deals/test/load/never-worse',
]
const RACES = 'packages/millpond/test/races'
/** Rooms with properties, which try the same values in `npm test`. */
const PROPERTIES = [
  'codec',
  'core',
  'engine',
  'http/rules',
  'invalidate',
  'memory',
  'observe',
  'source',
  'testing',
  'tiers/file-model',
  'wrap/pieces',
]
let drawn = 0
/** Rooms that stand on what Nodes differ in: clones, streams, sockets, SQLite, modules. */
const ON_OTHERS = ['codec', 'compat', 'engine', 'http', 'memory', 'nodes', 'observe', 'orm', 'tiers', 'wrap'].map(
  (room) => `packages/millpond/test/${room}`,
)

/** @typedef {{ name: string, work: () => boolean }} Piece */

/** @type {readonly { name: string, share: number, work: (minutes: number) => boolean }[]} */
const stages = [
  {
    name: 'schedules',
    share: 0.15,
    work: (share) =>
      whileTime(share, [
        { name: 'simulated', work: () => tests([`${RACES}/simulated`], { MILLPOND_RACES: '3' }) },
        {
          name: 'exhaustive, one departure further',
          work: () => tests([`${RACES}/exhaustive`], { MILLPOND_RACES: '2' }),
        },
      ]),
  },
  {
    name: 'soak of the memory tier',
    share: 0.1,
    work: (share) =>
      tests(['packages/millpond/test/memory/long'], { MEMORY_SOAK_MINUTES: String(share), MEMORY_SEED: String(seed) }),
  },
  {
    name: 'soaks of the HTTP cache and the proxy',
    share: 0.1,
    // One after the other, and each for its minutes.
    work: (share) =>
      tests(['packages/millpond/test/http/soak', 'packages/proxy/test/soak'], { HTTP_SOAK_MINUTES: String(share / 2) }),
  },
  {
    name: 'whole figures',
    share: 0.15,
    work: (share) =>
      whileTime(
        share,
        WHOLE.map((name) => ({ name, work: () => tests([name], { MILLPOND_FORM: 'long' }) })),
      ),
  },
  {
    name: 'properties',
    share: 0.05,
    work: (share) =>
      whileTime(
        share,
        PROPERTIES.map((name) => ({
          name: `properties of ${name}`,
          work: () => tests([`packages/millpond/test/${name}`], { MILLPOND_SEED: String(seed + drawn++) }),
        })),
      ),
  },
  {
    name: 'kills of tiers',
    share: 0.05,
    work: (share) =>
      whileTime(
        share,
        ['file-crash', 'sqlite-processes'].map((name) => ({
          name,
          work: () => tests([`packages/millpond/test/tiers/${name}`], {}),
        })),
      ),
  },
  { name: 'kills of writers', share: 0.1, work: (share) => script('kills.mjs', share) },
  {
    name: 'the dashboard left open',
    share: 0.05,
    work: (share) => script('../packages/dashboard/left-open.mjs', Math.max(1, Math.floor(share))),
  },
  {
    name: `Node ${OTHER_NODES.join(' and ')}`,
    share: 0.1,
    work: (share) =>
      whileTime(
        share,
        [
          ...ON_OTHERS,
          'packages/control/test',
          'packages/cli/test',
          'packages/proxy/test',
          'packages/cdn/test',
          'apps/deals/test',
        ].flatMap((room) =>
          OTHER_NODES.map((version) => ({ name: `Node ${version}: ${room}`, work: () => onNode(version, room) })),
        ),
      ),
  },
  // A minute, and the packages of VitePress.
  { name: 'the docs site', share: 0.03, work: () => run(process.execPath, ['scripts/docs.mjs', '--check']) },
  // The first time it builds SQLite.
  {
    name: 'Sequelize over SQLite',
    share: 0.03,
    work: () => tests(['packages/millpond/test/orm/sqlite3'], { MILLPOND_FORM: 'long' }),
  },
  {
    name: 'the examples on the packages as they are packed',
    share: 0.03,
    work: () => run(process.execPath, ['scripts/examples.mjs']),
  },
  // It takes what Next takes to build.
  {
    name: 'an application of Next',
    share: 0.05,
    work: () => run(process.execPath, ['packages/millpond/test/next-app/play.mjs']),
  },
  { name: 'histories', share: 0.22, work: (share) => script('histories.mjs', share, '--seed', String(seed)) },
]

/** @param {string} file @param {number} share @param {string[]} args */
const script = (file, share, ...args) =>
  run(process.execPath, [`scripts/${file}`, '--minutes', share.toFixed(2), ...args])

/** @param {string} version @param {string} room */
function onNode(version, room) {
  try {
    return tests([room], {}, bringNode(version))
  } catch (error) {
    console.error(`long: ${error instanceof Error ? error.message : error}`)
    return false
  }
}

/**
 * Each in turn, over and over, from one that the seed draws; none begins that would not be done in the minutes given if
 * it took as long as the longest before it. One always runs.
 * @param {number} share @param {readonly Piece[]} pieces
 */
function whileTime(share, pieces) {
  const until = performance.now() + share * 60_000
  const begun = new Set()
  let longest = 0
  for (
    let at = seed % pieces.length;
    begun.size === 0 || performance.now() + longest < until;
    at = (at + 1) % pieces.length
  ) {
    const piece = pieces[at]
    if (piece === undefined) break
    const begin = performance.now()
    begun.add(piece.name)
    console.log(`long: ${piece.name}`)
    if (!piece.work()) return false
    longest = Math.max(longest, performance.now() - begin)
  }
  const rest = pieces.filter(({ name }) => !begun.has(name)).map(({ name }) => name)
  if (rest.length > 0) console.log(`long: no time was left for ${rest.join(', ')}`)
  return true
}

/** @type {string[]} */
const failed = []
for (const [at, { name, share, work }] of stages.entries()) {
  const later = stages.slice(at).reduce((sum, stage) => sum + stage.share, 0)
  const left = ((end - performance.now()) / 60_000) * (share / later)
  if (left <= 0) {
    console.log(`\nlong: ${name}: not run: no time was left`)
    continue
  }
  console.log(`\nlong: ${name}, ${left.toFixed(1)} minutes`)
  const well = work(left)
  if (!well) failed.push(name)
  console.log(`long: ${name}: ${well ? 'nothing found' : 'FAILED'}`)
}
console.log(`\nlong: ${failed.length === 0 ? 'nothing found' : `failed: ${failed.join(', ')}`}; seed ${seed}`)
process.exit(failed.length === 0 ? 0 : 1)
