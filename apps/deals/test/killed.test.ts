// A service that is killed while activities and looks are on their way: what it acknowledged is in the database after the next start, once (G18).
import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { until } from '../../../packages/millpond/test/services/index.ts'
import { openDatabase } from '../src/db/database.ts'
import { createTokens } from '../src/http/tokens.ts'
import { twoCasts } from './people.ts'
import { SMALL, startSubject } from './service-under-test.ts'
import { makeFolder } from './temporary-folder.ts'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const SECRET = 'a secret that only the tests of this run know'
const ROUNDS = 2

beforeAll(() => {
  // The tests of the whole project build first; a run of this file alone does it here.
  if (!existsSync(MAIN)) execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b', 'apps/deals'], { cwd: ROOT })
})

function start(folder: string): Promise<{ url: string; kill: () => Promise<void> }> {
  const child = spawn(process.execPath, [MAIN, '--port', '0', '--dir', folder, ...SMALL], {
    env: { PATH: process.env.PATH, CACHE_WARMING_ENABLED: 'false', DEALS_TOKEN_SECRET: SECRET },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const kill = () => {
    child.kill('SIGKILL')
    return gone
  }
  let out = ''
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error(`the service ended before it was ready:\n${out}`)))
    child.stdout.on('data', (chunk) => {
      out += chunk
      const url = /ready: (http\S+)\//.exec(out)?.[1]
      if (url !== undefined && out.includes('Ctrl-C stops it')) resolve({ url, kill })
    })
  })
}

test('killed while it stores: nothing that was acknowledged is lost, nothing is stored twice', { timeout: 240_000 }, async () => {
  const folder = makeFolder()
  const made = await startSubject({ folder })
  const [cast] = await twoCasts(made.service.database)
  await made.stop()
  const authorization = `Bearer ${createTokens(SECRET).issue(cast.manager)}`
  const path = `/api/deals/${cast.dealId}/`
  const acked: string[] = []
  let [looked, looks] = [0, 0]
  for (let round = 0; round < ROUNDS; round++) {
    const { url, kill } = await start(folder)
    const enough = acked.length + 40 + 25 * round
    const write = async (): Promise<void> => {
      while (acked.length < enough) {
        const body = JSON.stringify({ kind: 'call', minutes: 5 })
        const reply = await fetch(`${url}${path}activities/`, {
          method: 'POST',
          body,
          headers: { authorization, 'content-type': 'application/json' },
        })
        const { request_id: id } = (await reply.json()) as { request_id?: string }
        if (id !== undefined) acked.push(id)
        looks++
        const look = await fetch(url + path, { headers: { authorization } })
        if (look.ok) looked++
      }
    }
    const writers = Array.from({ length: 6 }, () => write().catch(() => undefined)) // cut off by the kill
    await until('enough to be acknowledged', async () => acked.length >= enough)
    await kill()
    await Promise.all(writers)
  }
  expect(looked).toBeGreaterThan(40)
  const last = await startSubject({ folder })
  try {
    const db = await openDatabase({ engine: 'sqlite', path: last.service.database })
    const activities = () => db.kysely.selectFrom('activities').select('request_id').where('request_id', 'is not', null).execute()
    const stored = async () => (await activities()).map(({ request_id }) => request_id)
    const lost = async (): Promise<string[]> => {
      const ids = await stored()
      return acked.filter((id) => !ids.includes(id))
    }
    // What never comes is lost, and said so below.
    await until('all that was acknowledged to be stored', async () => (await lost()).length === 0, 60_000).catch(() => undefined)
    expect(await lost()).toEqual([])
    const ids = await stored()
    expect(new Set(ids).size).toBe(ids.length)
    const views = async (): Promise<number> =>
      (await db.kysely.selectFrom('deal_views').select('views').execute()).reduce((sum, row) => sum + row.views, 0)
    await until('the looks to be stored', async () => (await views()) >= looked, 60_000).catch(() => undefined)
    expect(await views()).toBeGreaterThanOrEqual(looked)
    expect(await views()).toBeLessThanOrEqual(looks)
    await db.close()
  } finally {
    await last.stop()
  }
})
