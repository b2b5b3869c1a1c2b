// Alert rules that a program brings along: they apply if none are set, and never take the place of what a person has
// set.
import { createControl } from '@millpond/control'
import { expect, it } from 'vitest'
import { beginRules, putRules, rulesOf } from '../src/alerts/settings.ts'
import { openStore } from '../src/store/store.ts'

const PERSON = { actor: 'ana', via: 'tok_1', requestId: 'req_1' } as const
const hitRatio = (medium: number) => ({ hit_ratio: { enabled: true, levels: { medium } } })

/** As many turns of the event loop as the seed says. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

it.each(Array.from({ length: 12 }, (_, seed) => seed))(
  'stay as a person has set them, whichever process is faster (seed %i)',
  async (seed) => {
    const store = await openStore(':memory:')
    const begin = async () => {
      await turns(seed % 3)
      await beginRules(store, hitRatio(0.1))
    }
    const set = async () => {
      await turns(Math.floor(seed / 3))
      await putRules(store, hitRatio(0.7), PERSON)
    }
    await Promise.all([begin(), set(), begin()])
    expect((await rulesOf(store)).hit_ratio.levels).toEqual({ medium: 0.7 })
    const rows = await store.read.selectFrom('audit').select('actor').orderBy('seq').execute()
    // Of two programs at most one has begun, and only before the person did.
    expect(rows.map(({ actor }) => actor).filter((actor) => actor === 'program').length).toBeLessThanOrEqual(1)
    expect(rows.at(-1)?.actor).toBe('ana')
    await store.close()
  },
)

it.each([
  [{ hit_ratio: { levels: { medum: 0.5 } } }, /alertRules\.hit_ratio\.levels.*medum/],
  [{ hit_ratio: { levels: { medium: '0.5' } } }, /alertRules\.hit_ratio\.levels\.medium: "0\.5"/],
  [{ hitRatio: { levels: {} } }, /alertRules.*hitRatio/],
  [{ hit_ratio: { enabled: 'yes', levels: {} } }, /alertRules\.hit_ratio\.enabled: "yes"/],
  [[], /alertRules/],
])('name the invalid field: %j', async (alertRules, words) => {
  const store = await openStore(':memory:')
  expect(() => createControl({ store, alertRules: alertRules as never })).toThrow(words)
  await store.close()
})
