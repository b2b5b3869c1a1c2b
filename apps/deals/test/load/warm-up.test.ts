// How long the load run waits for warming: until its end, for so long at most, or until it is stopped.
import { expect, test } from 'vitest'
import { warmUpOf } from '../../src/load/run.ts'
import type { Live } from '../../src/load/service-process.ts'

const answering = (answers: number) => ({ warming: { answers } }) as Live
const never = new AbortController().signal

test('an end is waited for, and is whole', async () => {
  const service = { said: async () => undefined, live: async () => answering(7) }
  expect(await warmUpOf(service, 60_000, () => undefined, never)).toMatchObject({ answers: 7, isWhole: true })
})

test('what takes longer than it may is cut, told, and not called whole', async () => {
  const said: string[] = []
  const service = { said: () => new Promise<void>(() => {}), live: async () => answering(1234) }
  const { ms, ...cut } = await warmUpOf(service, 30, (line) => said.push(line), never)
  expect(cut).toEqual({ answers: 1234, isWhole: false })
  expect(ms).toBeGreaterThanOrEqual(30)
  expect(said.at(-1)).toMatch(/^warming has not finished after \d+ s, with 1,234 answers: the run starts anyway$/)
})

test('a run that is stopped waits no longer', async () => {
  const stop = new AbortController()
  const service = {
    said: () => new Promise<void>(() => {}),
    live: async () => {
      stop.abort()
      return answering(0)
    },
  }
  expect(await warmUpOf(service, 600_000, () => undefined, stop.signal)).toMatchObject({ isWhole: false })
})

test('a service that ends while it warms fails the run', async () => {
  const service = { said: () => Promise.reject(new Error('the service ended')), live: async () => answering(0) }
  await expect(warmUpOf(service, 60_000, () => undefined, never)).rejects.toThrow('the service ended')
})
