// One process that runs jobs from a SQLite file and writes what it ran: `process.mjs <compiled folder> <database>
// <name> <lease ms>`.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [, , folder = '', path = '', name = '', lease = ''] = process.argv
const from = (/** @type {string} */ file) => import(pathToFileURL(join(folder, file)).href)
const { createJobs, sqliteJobs } = await from('src/jobs/index.js')
const { systemClock } = await from('src/core/clock.js')
const Database = createRequire(import.meta.url)('libsql')

const jobs = createJobs({
  store: sqliteJobs({ database: new Database(path) }),
  clock: systemClock(),
  lease: Number(lease),
  poll: 20,
  handlers: {
    /** @param {{ ms: number }} payload @param {{ id: string, attempt: number }} context */
    work: async ({ ms }, { id, attempt }) => {
      process.stdout.write(`${JSON.stringify({ name, event: 'begin', id, attempt })}\n`)
      await new Promise((resolve) => setTimeout(resolve, ms))
      process.stdout.write(`${JSON.stringify({ name, event: 'end', id, attempt })}\n`)
    },
  },
  onError: (/** @type {unknown} */ error) => process.stderr.write(`${name}: ${error}\n`),
})
jobs.start()
// The runner's timers do not keep a process alive.
setInterval(() => undefined, 1000)
