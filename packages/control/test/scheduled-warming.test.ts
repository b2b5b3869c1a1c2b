// Warming plans that run by themselves: when, once of all control planes, in whose name, and not for whom may not any
// more.
import { type Cache, createCache } from 'millpond'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ScheduledWarming } from '../src/operations/scheduled-warming.ts'
import { type Opened, open } from './setup.ts'

const HOUR = 3_600_000
let cache: Cache
let opened: Opened
let loads = 0

beforeEach(async () => {
  loads = 0
  cache = createCache({ name: 'shop' })
  cache.source('page:', async () => ++loads, { defaults: { ttl: '1h' } })
  opened = await open(':memory:', { caches: [cache] })
})
afterEach(async () => {
  await opened.close()
  await cache.close()
})

const keep = (body: object, as: 'operator' | 'viewer' = 'operator') =>
  opened.call('POST', 'warming/', { as, body: { name: 'front', keys: ['page:1', 'page:2'], ...body } })
/** One look of the clock, so long after now. */
async function look(afterMs: number, by = new ScheduledWarming()): Promise<void> {
  const { control } = opened.plane
  const at = (await control.store.now()) + afterMs
  const errors: unknown[] = []
  await by.look({ ...control, store: { ...control.store, now: async () => at } }, (error) => errors.push(error))
  expect(errors).toEqual([])
}
const runs = async () => (await opened.call('GET', 'operations/?kind=warm', { as: 'viewer' })).json.data
const ended = () =>
  expect.poll(async () => (await runs()).every(({ state }: { state: string }) => state === 'completed')).toBe(true)

it('run when they are due, and not before', async () => {
  const made = await keep({ schedule: { every: '4h' } })
  expect(made).toMatchObject({ status: 201, json: { schedule: { every: '4h' }, last_run_at: null } })
  expect(Date.parse(made.json.next_run_at) - Date.parse(made.json.created_at)).toBe(4 * HOUR)
  await look(4 * HOUR - 60_000)
  expect(await runs()).toEqual([])
  await look(4 * HOUR)
  await ended()
  expect(await runs()).toMatchObject([{ actor: 'schedule:front', reason: 'by its schedule', result: { loaded: 2 } }])
  await look(4 * HOUR + 60_000)
  expect(await runs()).toHaveLength(1)
  const { data } = (await opened.call('GET', 'warming/', { as: 'viewer' })).json
  expect(Date.parse(data[0].next_run_at) - Date.parse(data[0].last_run_at)).toBe(4 * HOUR)
})

it('make up once for missed runs', async () => {
  await keep({ schedule: { every: '1h' } })
  await look(100 * HOUR)
  await ended()
  await look(100 * HOUR + 1000)
  expect(await runs()).toHaveLength(1)
})

it('are run by one of several control planes', async () => {
  await keep({ schedule: { every: '1h' } })
  await Promise.all([look(HOUR), look(HOUR), look(HOUR)])
  await ended()
  expect(await runs()).toHaveLength(1)
})

it('wait for their window', async () => {
  const hour = new Date(await opened.store.now()).getUTCHours()
  const at = (offset: number): string => `${String((hour + offset + 24) % 24).padStart(2, '0')}:00`
  await keep({ schedule: { every: '1h', windows: [{ from: at(5), to: at(7) }] } })
  await look(2 * HOUR)
  expect(await runs()).toEqual([])
  await look(6 * HOUR)
  await ended()
  expect(await runs()).toHaveLength(1)
})

it('do not run for an owner without access, nor once they are deleted', async () => {
  const { id } = (await keep({ schedule: { every: '1h' } })).json
  await opened.store.read.updateTable('users').set({ disabled: 1 }).where('name', '=', 'operator').execute()
  await look(HOUR)
  expect(await runs()).toEqual([])
  await opened.store.read
    .updateTable('users')
    .set({ disabled: 0, role: 'viewer' })
    .where('name', '=', 'operator')
    .execute()
  await look(HOUR)
  expect(await runs()).toEqual([])
  await opened.store.read.updateTable('users').set({ role: 'operator' }).where('name', '=', 'operator').execute()
  expect((await opened.call('DELETE', `warming/${id}/`, { as: 'operator' })).status).toBe(204)
  await look(HOUR)
  expect(await runs()).toEqual([])
})

it('are refused with an invalid schedule, and from callers who may not warm; without a schedule they run on request', async () => {
  for (const schedule of [
    {},
    { every: '1h', cron: '0 3 * * *' },
    { every: 'soon' },
    { every: '1ms' },
    { every: '1h', timezone: 'Mars/Olympus' },
    { every: '1h', often: true },
  ])
    expect((await keep({ schedule })).status, JSON.stringify(schedule)).toBe(422)
  expect((await keep({ schedule: { every: '1h' } }, 'viewer')).status).toBe(403)
  expect((await keep({})).json).toMatchObject({ next_run_at: null })
  await look(1000 * HOUR)
  expect(await runs()).toEqual([])
})
