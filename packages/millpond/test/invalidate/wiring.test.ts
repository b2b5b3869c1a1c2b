// I4, I5: the ways in which changes come in, put before a cache as an application would.
import { createCache, modelTags } from 'millpond'
import { afterEach, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import {
  Coalesce,
  type Criteria,
  EventMap,
  INVALIDATION_JOB,
  invalidationHandler,
  ModelEvents,
  Relations,
  scheduleInvalidation,
  signWebhook,
  webhook,
} from '../../src/invalidate/index.ts'
import { createJobs, memoryJobs } from '../../src/jobs/index.ts'
import { until } from '../services/until.ts'

const clock = systemClock()
const models = { User: { related: [{ model: 'profile', id: 'same' as const }] } }
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function filled() {
  const cache = createCache({ models })
  closing.push(() => cache.close())
  await cache.set('user', 'old', { tags: [...modelTags('User', 7)] })
  await cache.set('profile', 'old', { tags: [...modelTags('profile', 7)] })
  await cache.set('users', 'old', { tags: [...modelTags('User')] })
  await cache.set('other', 'old', { tags: [...modelTags('User', 8)] })
  const left = async (): Promise<string[]> => {
    const keys = ['user', 'profile', 'users', 'other']
    const values = await cache.getMany(keys)
    return keys.filter((_, index) => values[index] !== undefined)
  }
  return { cache, left }
}

it('I5: a row that an ORM saved, with what is related, after its commit', async () => {
  const { cache, left } = await filled()
  const events = new ModelEvents({
    relations: new Relations(models),
    invalidate: ({ tags }) => cache.invalidate({ tags }),
  })
  await events.during(async () => {
    await events.modelChanged('User', 7, 'save')
    expect(await left()).toEqual(['user', 'profile', 'users', 'other'])
  })
  expect(await left()).toEqual(['other'])
})

it('I5: an event of the application, at most once a second', async () => {
  const { cache, left } = await filled()
  let runs = 0
  const calm = new Coalesce({
    every: '1s',
    clock,
    run: (_target: string, criteria: Criteria) => {
      runs++
      return cache.invalidate(criteria)
    },
  })
  const events = new EventMap<{ renamed: { id: number } }, unknown>({
    events: { renamed: ({ id }) => ({ model: 'User', id }) },
    invalidate: (criteria) => calm.call(JSON.stringify(criteria), criteria),
    onError: () => undefined,
  })
  await events.emit('renamed', { id: 7 })
  expect(await left()).toEqual(['other'])
  const again = [events.emit('renamed', { id: 7 }), events.emit('renamed', { id: 7 })]
  await calm.flush()
  await Promise.all(again)
  expect(runs).toBe(2)
})

it('I5: a signed webhook', async () => {
  const { cache, left } = await filled()
  const secret = 'a secret of enough length'
  const hook = webhook({ secret, clock, invalidate: (criteria) => cache.invalidate(criteria) })
  const body = JSON.stringify({ model: 'User', id: 7 })
  expect((await hook.handle(signWebhook({ secret, id: 'm1', body, now: clock.now() }), body)).status).toBe(200)
  expect(await left()).toEqual(['other'])
})

it('I4: a scheduled invalidation, in the namespace it was made for', async () => {
  const { cache, left } = await filled()
  const other = cache.namespace('reports')
  await other.set('user', 'old', { tags: [...modelTags('User', 7)] })
  const jobs = createJobs({
    store: memoryJobs({ clock }),
    clock,
    handlers: {
      [INVALIDATION_JOB]: invalidationHandler(({ namespace, criteria, mode }) =>
        cache.namespace(namespace).invalidate(criteria, { mode }),
      ),
    },
  })
  jobs.start()
  closing.push(() => jobs.stop())
  const id = await scheduleInvalidation(
    { jobs, namespace: 'reports', criteria: { model: 'User', id: 7 }, now: clock.now() },
    { in: 30 },
  )
  await until('the job is done', async () => (await jobs.get(id))?.state === 'done')
  expect([await other.get('user'), await left()]).toEqual([undefined, ['user', 'profile', 'users', 'other']])
})
