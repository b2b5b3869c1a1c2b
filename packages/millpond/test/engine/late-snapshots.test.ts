// A snapshot that is older than steps of this process which were answered while it was on its way.
import { createCache, memory } from 'millpond'
import { expect, onTestFinished, test } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'

const SLOW_MS = 20

test('G2: an invalidation that was acknowledged before an older snapshot came is not forgotten with it', async () => {
  const clock = fakeClock({ now: Date.now() })
  const server = simulatedServer({ now: () => clock.now(), targets: 10 })
  const { ledger, ...tier } = server.connect()
  let isSlow = false
  const kinds: string[] = []
  const late = {
    ...ledger,
    pull: async (...given: Parameters<typeof ledger.pull>) => {
      const answer = await ledger.pull(...given)
      kinds.push(answer.kind)
      if (isSlow) await new Promise<void>((resolve) => clock.after(SLOW_MS, resolve))
      return answer
    },
    follow: () => () => {},
  }
  const one = createCache({ name: 'late', tiers: [memory(), server.connect()], clock })
  const two = createCache({ name: 'late', tiers: [memory(), { ...tier, ledger: late }], clock })
  onTestFinished(async () => void (await Promise.all([one.close(), two.close()])))
  await two.get('first')
  await clock.run(150)
  for (let at = 0; at < 30; at++) await one.delete(`x${at}`)
  kinds.length = 0
  isSlow = true
  while (kinds.length === 0) await clock.run(1)
  await two.set('k', 'old', { tags: ['t'] })
  await two.invalidateTags(['t'])
  await clock.run(SLOW_MS + 1)
  expect(kinds[0]).toBe('snapshot')
  const read = two.get('k')
  await clock.run(5 * SLOW_MS)
  expect(await read).toBeUndefined()
})
