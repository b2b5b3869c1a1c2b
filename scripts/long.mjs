// `npm run long -- --minutes N`: the long forms of what `npm test` does briefly: whole tables and figures, schedules of the simulator, a soak of the memory
// tier, kills, histories under faults.
// @ts-check
import { parseArgs } from 'node:util'
import { build, checkNode, install, run, tool } from './prepare.mjs'
import { bringServers } from './servers.mjs'

const USAGE = `npm run long -- [--minutes N] [--seed S]

  --minutes  about how long it takes, all together. Default 60, at least 5.
  --seed     draws histories and operations. Default: by the time of day, and printed.

What it finds is printed with the seed that gives it again.`

/** @param {string} message @returns {never} */
function refuse(message) {
  console.error(`long: ${message}\n\n${USAGE}`)
  process.exit(2)
}

function options() {
  try {
    return parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' }, help: { type: 'boolean', short: 'h' } } }).values
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
if (!(minutes >= 5 && minutes <= 10_000)) refuse(`--minutes: ${JSON.stringify(given.minutes)} is not allowed: give a number from 5`)
const seed = Number(given.seed ?? Date.now() % 1_000_000)
if (!Number.isSafeInteger(seed) || seed < 0) refuse(`--seed: ${JSON.stringify(given.seed)} is not allowed: give a whole number from 0`)

checkNode()
if (!install() || !build()) process.exit(1)
bringServers()
console.log(`long: seed ${seed}, about ${minutes} minutes`)

/** @param {readonly string[]} filters @param {Record<string, string>} env */
const tests = (filters, env) =>
  run(process.execPath, [tool('vitest'), 'run', ...filters], { ...process.env, MILLPOND_SEED: String(seed), ...env })

/** Suites with a short form. */
const WHOLE = ['engine/bursts', 'http/safety', 'histories/planted', 'races/defects', 'codec/message-pack', 'codec/seal', 'codec/nonces']

/** @type {[string, number, (minutes: number) => boolean][]} name, share of the time */
const stages = [
  ['schedules', 0.15, (share) => tests(['packages/millpond/test/races'], { MILLPOND_RACES: String(Math.max(1, Math.round(share))) })],
  [
    'soak of the memory tier',
    0.15,
    (share) => tests(['packages/millpond/test/memory/long'], { MEMORY_SOAK_MINUTES: String(share), MEMORY_SEED: String(seed) }),
  ],
  // As long as they take, once: `test/form.ts`.
  ['whole figures', 0.1, () => tests(WHOLE, { MILLPOND_FORM: 'long' })],
  [
    'kills of tiers',
    0.1,
    (share) => repeated(share, ['packages/millpond/test/tiers/file-crash', 'packages/millpond/test/tiers/sqlite-processes']),
  ],
  ['kills of writers', 0.1, (share) => run(process.execPath, ['scripts/kills.mjs', '--minutes', String(share)])],
  ['histories', 0.4, (share) => run(process.execPath, ['scripts/histories.mjs', '--minutes', String(share), '--seed', String(seed)])],
]

/** At least once, then again while there is time. @param {number} share minutes @param {readonly string[]} filters */
function repeated(share, filters) {
  const until = performance.now() + share * 60_000
  do {
    if (!tests(filters, {})) return false
  } while (performance.now() < until)
  return true
}

const failed = stages.filter(([name, share, work]) => {
  console.log(`\nlong: ${name}`)
  const well = work(minutes * share)
  console.log(`long: ${name}: ${well ? 'nothing found' : 'FAILED'}`)
  return !well
})
console.log(`\nlong: ${failed.length === 0 ? 'nothing found' : `failed: ${failed.map(([name]) => name).join(', ')}`}; seed ${seed}`)
process.exit(failed.length === 0 ? 0 : 1)
