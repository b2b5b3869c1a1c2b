// What a process remembers of the BullMQ jobs that it runs: as long as it runs them, whatever their last step comes to.
import { expect, it } from 'vitest'
import { type Held, LockGone, openHolds } from '../../src/jobs/bullmq/holds.ts'

const job: Held = {
  kind: 'mail',
  bullId: 'a',
  bull: { name: 'mail', data: 1, opts: {}, timestamp: 1, attemptsStarted: 1, attemptsMade: 0 },
}

it('a job that runs here is not looked for, and is let go of with its last step, also where the store fails then', async () => {
  const looked: string[] = []
  const holds = openHolds(
    async (id) => void looked.push(id),
    async () => false,
  )
  holds.begin('a', 'l', job)
  expect([await holds.act('a', 'l', async () => 1), holds.size]).toEqual([true, 1])
  await expect(holds.end('a', 'l', () => Promise.reject(new Error('no answer')))).rejects.toThrow('no answer')
  expect([holds.size, looked]).toEqual([0, []])
  expect([await holds.end('a', 'l', async () => 1), looked]).toEqual([false, ['a']])
})

it('what has been taken again under another lease stays when the step of the former one comes late', async () => {
  const holds = openHolds(
    async () => job,
    async () => false,
  )
  holds.begin('a', 'first', job)
  holds.begin('a', 'second', job)
  expect([await holds.end('a', 'first', () => Promise.reject(new LockGone())), holds.size]).toEqual([false, 1])
  expect([await holds.end('a', 'second', async () => 1), holds.size]).toEqual([true, 0])
})
