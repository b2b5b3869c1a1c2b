// What the functions that forget leave alone, seen from who asks again. Writes: test/http/writes.test.ts.
import { createCache } from 'millpond'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createInvalidation, type Invalidation } from '../../src/cache/invalidation.ts'
import { createLayer, type LayerName } from '../../src/cache/layer.ts'
import { createResponses } from '../../src/cache/responses.ts'
import { createStrategicCache } from '../../src/cache/strategic.ts'
import { prepareData } from '../../src/data/prepare.ts'
import { createAnswers } from '../../src/queries/answers.ts'
import { readSettings } from '../../src/settings.ts'
import { makeFolder } from '../temporary-folder.ts'

const DATA = ['--organizations', '2', '--users', '6', '--deals', '20'] as const
const QUESTIONS = ['dashboard', 'permissions'] as const
/** Somebody, and another, in each of two organisations. */
const WHO = [
  [1, 1],
  [1, 2],
  [2, 1],
  [2, 2],
] as const

const ends: (() => Promise<unknown>)[] = []
let invalidation: Invalidation
/** Asks both questions of everybody, and tells what was not at hand in either layer: `dashboard of 1 in 2`. */
let computed: () => Promise<string[]>

beforeAll(async () => {
  const settings = readSettings(['--dir', makeFolder(), ...DATA], {
    DEALS_TOKEN_SECRET: 'a secret that only this test knows',
  })
  if (settings === undefined) throw new Error('help was asked for')
  const { db, today } = await prepareData(settings, () => {})
  const cache = createCache({ dependencies: 'tracked' })
  ends.push(
    () => cache.close(),
    () => db.close(),
  )
  const layer = (name: LayerName) =>
    createLayer({ name, cache: cache.namespace(name), defaultTtlMs: 60_000, observe: () => undefined })
  const layers = [layer('strategic'), layer('response')] as const
  const responses = createResponses(layers[1], createStrategicCache(layers[0], createAnswers(db, today)))
  computed = async () => {
    const anew: string[] = []
    for (const [user, organization] of WHO)
      for (const question of QUESTIONS) {
        const { outcome, below } = await responses[question](user, organization)
        if (outcome.result === 'hit') continue
        anew.push(`${question} of ${user} in ${organization}${below?.result === 'hit' ? ', the response alone' : ''}`)
      }
    return anew
  }
  invalidation = createInvalidation({
    db,
    layers,
    records: undefined,
    pictures: undefined,
    front: { forget: async () => undefined },
    isEnabled: true,
    plantedFault: undefined,
  })
})
afterAll(async () => {
  for (const end of ends) await end()
})

it('invalidateUserRelatedCaches(userId, organizationId?): with an organisation what the user is shown there, without it everywhere, and nothing of anybody else', async () => {
  const everything = await computed()
  expect(everything).toHaveLength(WHO.length * QUESTIONS.length)
  expect(await computed()).toEqual([])

  const there = await invalidation.invalidateUserRelatedCaches(1, 2)
  expect(there.receipts.map(({ layer }) => layer)).toEqual(['strategic', 'response'])
  expect(await computed()).toEqual(['dashboard of 1 in 2', 'permissions of 1 in 2'])

  await invalidation.invalidateUserRelatedCaches(1)
  expect(await computed()).toEqual(everything.filter((text) => text.includes('of 1 in')))
  expect(await computed()).toEqual([])
})
