// Counting page views: each count is visible at once and survives a crash of the process; the database gets one write
// for many.
// @ts-check
import { mkdirSync, mkdtempSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCache } from 'millpond'

/** Your database. @type {Map<string, number>} */
const rows = new Map()
let writes = 0
const folder = process.env.JOURNAL ?? mkdtempSync(join(tmpdir(), 'views-'))
mkdirSync(folder, { recursive: true })

const cache = createCache({ name: 'site' })
/** @type {import('millpond').Collection<string, number>} */
const views = cache.collection('views', {
  load: (page) => rows.get(page) ?? 0,
  storeMany: async (batch) => {
    writes += batch.length
    for (const { id, value } of batch) rows.set(id, value)
  },
  write: 'write-behind',
  writeBehind: { journal: join(folder, 'journal'), maxDelay: '1s' },
})
let counting = Promise.resolve(0)
/** One after the other, so that no count is lost. @param {string} page */
const count = (page) => {
  // A count that failed does not delay the others.
  counting = counting
    .catch(() => 0)
    .then(async () => {
      const next = ((await views.get(page)) ?? 0) + 1
      await views.set(page, next)
      return next
    })
  return counting
}

/** @param {string} url */
const answer = async (url) => {
  if (url === '/source') return JSON.stringify({ writes, rows: Object.fromEntries(rows) })
  if (url !== '/flush') return String(await count(url))
  await cache.flush()
  return 'sent'
}

const server = createServer(({ url = '/' }, response) => {
  answer(url).then(
    (text) => response.end(`${text}\n`),
    (error) => response.writeHead(500).end(`${error.message}\n`),
  )
})
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  const address = server.address()
  console.log(`write-behind http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`)
})
process.once('SIGTERM', () => server.close(() => cache.close())) // sends what is queued
