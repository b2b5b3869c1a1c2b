// `npm run kills -- --minutes N`: kills writers behind a journal for so long, and says what the source has lost. The long form of what the tests do.
// @ts-check
import { parseArgs } from 'node:util'
import { killWriters } from '../packages/millpond/test/source/kill-writers.mjs'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } })
const minutes = Number(values.minutes)
if (!Number.isFinite(minutes) || minutes < 0) {
  console.error(`kills: --minutes: ${JSON.stringify(values.minutes)} is not a number`)
  process.exit(2)
}
let failed = false
for (const durability of /** @type {const} */ (['journal', 'journal-sync'])) {
  const until = performance.now() + (minutes * 60_000) / 2
  const { kills, acked, lost, disordered } = await killWriters({ durability, goesOn: () => performance.now() < until })
  console.log(`${durability}: ${kills} kills, ${acked} writes acknowledged, ${lost.length} lost, ${disordered.length} keys out of order`)
  failed ||= lost.length > 0 || disordered.length > 0
}
process.exit(failed ? 1 : 0)
