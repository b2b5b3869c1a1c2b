// `npm run kills -- --minutes N`: kills writers behind a journal for so long, and says what the source has lost. The long form of what the tests do.
// @ts-check
import { parseArgs } from 'node:util'
import { checkNode, install } from './prepare.mjs'

const USAGE = `npm run kills -- [--minutes N]

  --minutes  how long to go on, all together. Default 10.`

/** @param {string} message @returns {never} */
function refuse(message) {
  console.error(`kills: ${message}\n\n${USAGE}`)
  process.exit(2)
}

function options() {
  try {
    return parseArgs({ options: { minutes: { type: 'string' }, help: { type: 'boolean', short: 'h' } } }).values
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

const given = options()
if (given.help) {
  console.log(USAGE)
  process.exit(0)
}
const minutes = Number(given.minutes ?? 10)
if (!(minutes > 0 && minutes <= 10_000)) refuse(`--minutes: ${JSON.stringify(given.minutes)} is not allowed: give a number above 0`)

const end = performance.now() + minutes * 60_000
checkNode()
if (!install()) process.exit(1)
const { killWriters } = await import('../packages/millpond/test/source/kill-writers.mjs')
let failed = false
for (const [durability, share] of /** @type {const} */ ([
  ['journal', 0.5],
  ['journal-sync', 1],
])) {
  const forMs = (end - performance.now()) * share
  console.log(
    `kills: two writers at a time over a ${durability}, for ${Math.max(0, forMs / 60_000).toFixed(1)} minutes, then one process drains it`,
  )
  const until = performance.now() + forMs
  let asked = performance.now()
  let longest = 0
  // In the end there is a pair under way, and what it left is drained.
  const goesOn = (/** @type {number} */ kills) => {
    longest = Math.max(longest, performance.now() - asked)
    asked = performance.now()
    return kills === 0 || asked + 2 * longest < until
  }
  const { kills, acked, lost, disordered } = await killWriters({ durability, goesOn })
  console.log(`${durability}: ${kills} kills, ${acked} writes acknowledged, ${lost.length} lost, ${disordered.length} keys out of order`)
  failed ||= lost.length > 0 || disordered.length > 0
}
process.exit(failed ? 1 : 0)
