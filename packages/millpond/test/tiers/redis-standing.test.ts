// What a process remembers of where namespaces stand, when answers come late and when the machine has slept.
import { expect, test } from 'vitest'
import type { Wire } from '../../src/tiers/redis/connection.ts'
import { momentNow, Standing } from '../../src/tiers/redis/standing.ts'

const LAST = '1.stamp server'
const wire: Wire = {
  serverId: 'server',
  call: async () => LAST,
  callAll: async () => [],
  settleAll: async () => [],
}
const place = { namespace: 'a', position: { epoch: 'e', seq: 7 } }

/**
 * Whether the namespace is confirmed that was asked for so long ago, by each clock, when its first hold had 100 s left.
 */
async function isConfirmed(monotonicMs: number, wallMs: number, leftMs = 100_000): Promise<boolean | undefined> {
  const standing = new Standing('moves', (name) => name)
  const { monotonic, wall } = momentNow()
  standing.pulled(wire, 'a', place.position, LAST, leftMs, { monotonic: monotonic - monotonicMs, wall: wall - wallMs })
  return (await standing.unmoved([place], (talk) => talk(wire)))[0]
}

test('G16: a hold lasts from the question on, whenever the answer came', async () => {
  expect(await isConfirmed(50_000, 50_000)).toBe(true)
  expect(await isConfirmed(101_000, 101_000)).toBe(false)
})

test('G16: a hold runs out while the machine sleeps, though its monotonic clock stands still, and where its wall clock is set back', async () => {
  expect(await isConfirmed(0, 101_000)).toBe(false)
  expect(await isConfirmed(101_000, -1000)).toBe(false)
  expect(await isConfirmed(101_000, 101_000, -1), 'there is none').toBe(true)
})
