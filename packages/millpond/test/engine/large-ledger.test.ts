// A ledger with so much in force that a new process needs longer to read it than one answer may take.
import { createCache, memory } from 'millpond'
import { expect, onTestFinished, test } from 'vitest'
import type { LedgerStore } from '../../src/core/contracts.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'

const PART_MS = 60

/** Reads a key in a process whose first answer comes in so many parts; `isSilent`: the parts are not told. */
async function firstRead(parts: number, isSilent = false) {
  const clock = fakeClock({ now: Date.now() })
  const server = simulatedServer({ now: () => clock.now() })
  const one = createCache({ name: 'large', tiers: [memory(), server.connect()], clock })
  onTestFinished(() => one.close())
  await one.getOrSet('k', () => 'old')
  await clock.run(100)
  const { ledger, ...tier } = server.connect()
  let pulls = 0
  const large: LedgerStore = {
    ...ledger,
    pull: async (namespace, from, progress) => {
      pulls++
      for (let part = 0; from === undefined && part < parts; part++) {
        await new Promise<void>((resolve) => clock.after(PART_MS, resolve))
        if (!isSilent) progress?.()
      }
      return ledger.pull(namespace, from)
    },
  }
  const two = createCache({ name: 'large', tiers: [memory(), { ...tier, ledger: large }], clock })
  onTestFinished(() => two.close())
  const said: string[] = []
  two.on('warning', ({ message }) => said.push(message))
  let value: unknown
  void two.getOrSet('k', () => 'loaded').then((read) => (value = read))
  await clock.run(parts * PART_MS + 50)
  return { value, said, pulls, two }
}

test.each([5, 20])(
  'G11: a new process waits for all %i parts of the first answer, and loads nothing meanwhile',
  async (parts) => {
    const { value, said, two } = await firstRead(parts)
    expect(value).toBe('old')
    expect(said).toEqual([])
    expect(two.stats().ledger.isUp).toBe(true)
  },
)

test('what has come since the first answer was asked for is asked for once more, and then it is trusted', async () => {
  const { pulls, two } = await firstRead(20)
  expect(pulls).toBe(2)
  expect(await two.get('k')).toBe('old')
})

test('G14: an answer that makes no progress is waited for as long as any other', async () => {
  const { value, said } = await firstRead(20, true)
  expect(value).toBe('loaded')
  expect(said.join()).toMatch(/did not answer within/)
})
