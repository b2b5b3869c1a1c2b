// A service that is killed while activities and looks are on their way: what it acknowledged is in the database after
// the next start, once (G18).
import { expect, test } from 'vitest'
import { until } from '../../../packages/millpond/test/services/index.ts'
import { openDatabase } from '../src/db/database.ts'
import { createTokens } from '../src/http/tokens.ts'
import { twoCasts } from './people.ts'
import { SECRET, startSubject } from './service-under-test.ts'
import { startProcess } from './start-process.ts'
import { makeFolder } from './temporary-folder.ts'

const ROUNDS = 2

test('killed while it stores: nothing that was acknowledged is lost, nothing is stored twice', {
  timeout: 240_000,
}, async () => {
  const folder = makeFolder()
  const made = await startSubject({ folder })
  const [cast] = await twoCasts(made.service.database)
  await made.stop()
  const authorization = `Bearer ${createTokens(SECRET).issue(cast.manager)}`
  const path = `/api/deals/${cast.dealId}/`
  const acked: string[] = []
  let [looked, looks] = [0, 0]
  for (let round = 0; round < ROUNDS; round++) {
    const { url, kill } = await startProcess(folder)
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
    const activities = () =>
      db.kysely.selectFrom('activities').select('request_id').where('request_id', 'is not', null).execute()
    const stored = async () => (await activities()).map(({ request_id }) => request_id)
    const lost = async (): Promise<string[]> => {
      const ids = await stored()
      return acked.filter((id) => !ids.includes(id))
    }
    // What never comes is lost, and said so below.
    await until('all that was acknowledged to be stored', async () => (await lost()).length === 0, 60_000).catch(
      () => undefined,
    )
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
