// `npm run histories -- --minutes N --seed S`: records histories of several processes under faults, one cell after the
// other, and judges each.
// @ts-check Every cell of faults x write policies x scopes runs once before any runs again; the seed determines the
// order and everything within.
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { checkNode, install } from './prepare.mjs'
import { bringServers, missing, only, sought } from './servers.mjs'

const USAGE = `npm run histories -- [--minutes N] [--seed S] [--skip N] [--tier redis,postgres,...] [--fault NAME] [--ms LENGTH]

  --minutes  how long to go on, what fetching takes included; no cell begins that would end later, but for the first. A cell takes 10 to 30
             seconds. Default 10.
  --seed     draws cells and everything within them; entries of every other cell are sealed. Default: by the time of day, and printed.
  --skip     leave out so many cells of that seed: go on where a run ended. Default 0.
  --tier     what the processes share: redis, sentinel, cluster, postgres, memcached, sqlite, file, ring, regions, none. Default: all whose servers are here.
  --fault    only this fault.
  --ms       how long the faults of a cell last, milliseconds. Default 6000.`

/** @param {string} message @returns {never} */
function refuse(message) {
  console.error(`histories: ${message}\n\n${USAGE}`)
  process.exit(2)
}

/** @param {string} name @param {string | undefined} text @param {number} fallback */
function number(name, text, fallback) {
  const value = text === undefined ? fallback : Number(text)
  if (!Number.isFinite(value) || value < 0) refuse(`--${name}: ${JSON.stringify(text)} is not a number`)
  return value
}

function options() {
  try {
    return parseArgs({
      options: {
        minutes: { type: 'string' },
        seed: { type: 'string' },
        skip: { type: 'string' },
        tier: { type: 'string' },
        fault: { type: 'string' },
        ms: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
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
const minutes = number('minutes', given.minutes, 10)
const until = performance.now() + minutes * 60_000
const seed = Math.floor(number('seed', given.seed, Date.now() % 1_000_000))
const skip = Math.floor(number('skip', given.skip, 0))
const ms = number('ms', given.ms, 6000)

const known = /** @type {const} */ ([
  'redis',
  'sentinel',
  'cluster',
  'postgres',
  'memcached',
  'sqlite',
  'file',
  'ring',
  'regions',
  'none',
])
const asked = given.tier === undefined ? known : known.filter((name) => given.tier?.split(',').includes(name))
if (asked.length === 0) refuse(`--tier: ${JSON.stringify(given.tier)} is not one of ${known.join(', ')}`)

checkNode()
if (!install()) process.exit(1)
const { compile } = await import('../packages/millpond/test/histories/compile.mjs')
const servers = only(asked.flatMap(serversOf))
for (const [, { program, install: how }] of missing(bringServers({ which: { ...servers, ...sought } }), servers))
  console.log(`histories: no ${program} here. To have it: ${how}`)
const compiled = compile()
/** @type {typeof import('../packages/millpond/test/histories/run.ts')} */
const { count, countCells, draw, isGood, newTally, runFairly, tell } = await import(`${compiled}/test/histories/run.js`)
/** @type {typeof import('../packages/millpond/test/services/index.ts')} */
const { isHere } = await import(`${compiled}/test/services/index.js`)

/** @param {typeof known[number]} name @returns {('redis' | 'postgres' | 'memcached')[]} */
function serversOf(name) {
  if (name === 'sqlite' || name === 'file' || name === 'none') return []
  if (name === 'memcached' || name === 'ring') return ['redis', 'memcached']
  return [name === 'postgres' ? 'postgres' : 'redis']
}

/** @param {typeof known[number]} name */
const canRun = (name) => serversOf(name).every((one) => isHere(one))
const tiers = asked.filter(canRun)
if (tiers.length < asked.length)
  console.log(`histories: no server here, so left out: ${asked.filter((name) => !canRun(name)).join(', ')}`)
if (tiers.length === 0) refuse('nothing left to run')

function drawCells() {
  try {
    return draw(seed, tiers, { ms }, given.fault)
  } catch (error) {
    return refuse(`--fault: ${error instanceof Error ? error.message : String(error)}`)
  }
}
const cells = drawCells()

const tally = newTally()
let stopping = false
process.on('SIGINT', () => {
  stopping = true
  console.log('\nhistories: this cell is the last')
})
const inAll = countCells(tiers, given.fault)
console.log(
  `histories: seed ${seed}, ${minutes} minutes, ${tiers.join(', ')}: ${inAll} cells${skip > 0 ? `, without the first ${skip}` : ''}`,
)
let longest = 0
let done = 0
for (const cell of cells) {
  done += 1
  if (done <= skip) continue
  const begin = performance.now()
  const result = await runFairly(cell, compiled)
  count(tally, result)
  console.log(tell(result))
  if (!isGood(result)) process.exitCode = 1
  longest = Math.max(longest, performance.now() - begin)
  if (stopping || performance.now() + longest > until) break
}
const medians = tally.stale.map((one) => one.median).sort((a, b) => a - b)
console.log(
  `histories: ${tally.clean} clean, ${tally.violated} violated, ${tally.starved} starved (count as not run); ${tally.reads} reads, ${tally.acked} acks`,
)
if (done < inAll)
  console.log(`histories: ${done} of ${inAll} cells of this seed; go on with --seed ${seed} --skip ${done}`)
console.log(
  `histories: staleness seen by other processes after an ack, median of medians ${(medians[Math.floor(medians.length / 2)] ?? 0).toFixed(1)} ms`,
)
if (process.exitCode === 1 && existsSync(compiled)) console.log(`histories: again with --seed ${seed}`)
process.exit()
