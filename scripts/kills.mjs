// `npm run kills`: kills writers behind a journal or a stream, and the server that keeps the stream, for a given time
// or number of times, and reports what the source has lost. The long form of the tests.
// @ts-check
import { parseArgs } from 'node:util'
import { checkNode, install } from './prepare.mjs'
import { bringServers, missing, only, sought } from './servers.mjs'

const ALL = /** @type {const} */ (['journal', 'journal-sync', 'stream'])

const USAGE = `npm run kills -- [--minutes N | --kills N] [--only ${ALL.join(',')}]

  --minutes  how long to go on, all together. Default 10.
  --kills    how many writers to kill of each durability instead, however long that takes.
  --only     these durabilities. Default: all. A stream is kept in Redis (appendonly yes, appendfsync always), which is killed too.`

/** @param {string} message @returns {never} */
function refuse(message) {
  console.error(`kills: ${message}\n\n${USAGE}`)
  process.exit(2)
}

function options() {
  const text = /** @type {const} */ ({ type: 'string' })
  try {
    return parseArgs({ options: { minutes: text, kills: text, only: text, help: { type: 'boolean', short: 'h' } } })
      .values
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

const given = options()
if (given.help) {
  console.log(USAGE)
  process.exit(0)
}
if (given.minutes !== undefined && given.kills !== undefined) refuse('--minutes or --kills: give one of them')
const minutes = Number(given.minutes ?? 10)
if (!(minutes > 0 && minutes <= 10_000))
  refuse(`--minutes: ${JSON.stringify(given.minutes)} is not allowed: give a number above 0`)
const wanted = given.kills === undefined ? undefined : Number(given.kills)
if (wanted !== undefined && !(Number.isSafeInteger(wanted) && wanted > 0))
  refuse(`--kills: ${JSON.stringify(given.kills)} is not allowed: give a whole number above 0`)
const asked = given.only?.split(',') ?? ALL
const unknown = asked.find((name) => !ALL.some((one) => one === name))
if (unknown !== undefined) refuse(`--only: ${JSON.stringify(unknown)} is not one of ${ALL.join(', ')}`)

const end = performance.now() + minutes * 60_000
checkNode()
if (!install()) process.exit(1)
const servers = only(asked.includes('stream') ? ['redis'] : [])
for (const [, { program, install: how }] of missing(bringServers({ which: { ...servers, ...sought } }), servers))
  console.log(`kills: no ${program} here. To have it: ${how}`)
const { compile } = await import('../packages/millpond/test/histories/compile.mjs')
/** @type {typeof import('../packages/millpond/test/services/index.ts')} */
const { isHere, startRedis } = await import(`${compile()}/test/services/index.js`)
const { killStreamWriters, killWriters } = await import('../packages/millpond/test/source/kill-writers.mjs')
const durabilities = ALL.filter((name) => asked.includes(name) && (name !== 'stream' || isHere('redis')))
if (asked.includes('stream') && !durabilities.includes('stream')) console.log('kills: stream: not run, without Redis')

let isStopped = false
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    isStopped = true
    console.log(
      'kills: stopping: what was acknowledged until now is drained and judged; a second signal ends it at once',
    )
  })

let failed = durabilities.length === 0
for (const [at, durability] of durabilities.entries()) {
  if (isStopped) break
  const forMs = (end - performance.now()) / (durabilities.length - at)
  const howLong =
    wanted === undefined ? `for ${Math.max(0, forMs / 60_000).toFixed(1)} minutes` : `until ${wanted} are killed`
  console.log(`kills: two writers at a time over a ${durability}, ${howLong}, then one process drains it`)
  const { kills, acked, lost, disordered, more } = await judged(durability, goingOn(performance.now() + forMs))
  console.log(
    `${durability}: ${kills} kills${more}, ${acked} writes acknowledged, ${lost.length} lost, ${disordered.length} keys out of order`,
  )
  failed ||= lost.length > 0 || disordered.length > 0
}
process.exit(failed ? 1 : 0)

/** @param {typeof ALL[number]} durability @param {(kills: number) => boolean} goesOn */
async function judged(durability, goesOn) {
  if (durability !== 'stream') return { ...(await killWriters({ durability, goesOn })), more: '' }
  const args = ['--appendonly', 'yes', '--appendfsync', 'always', '--auto-aof-rewrite-min-size', '1mb']
  // The server reads its log again after each kill, on a machine that may be busy.
  const server = await startRedis({ args, patienceMs: 600_000 })
  try {
    const { serverKills, ...verdict } = await killStreamWriters({ server, goesOn })
    return { ...verdict, more: ` of writers and ${serverKills} of the server` }
  } finally {
    await server.stop()
  }
}

/** Goes on while there is time for another pair and for draining what it leaves. @param {number} until */
function goingOn(until) {
  let asked = performance.now()
  let longest = 0
  return (/** @type {number} */ kills) => {
    if (isStopped) return false
    longest = Math.max(longest, performance.now() - asked)
    asked = performance.now()
    return wanted === undefined ? kills === 0 || asked + 2 * longest < until : kills < wanted
  }
}
