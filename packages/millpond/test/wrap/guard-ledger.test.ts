// Leases and commits behind their queues: in which order they reach the store, and whom a failure concerns.
import { expect, test } from 'vitest'
import type { LedgerStore } from '../../src/core/contracts.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import { guardLedger } from '../../src/wrap/guard-ledger.ts'

const gate = () => {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

test('a release waits for the renewals before it: one that came after it would take the key once more', async () => {
  const { ledger } = simulatedServer().connect()
  const { opened, open } = gate()
  const seen: string[] = []
  const slow: LedgerStore = {
    ...ledger,
    async lease(...call) {
      seen.push('lease')
      if (seen.length > 1) await opened
      return ledger.lease(...call)
    },
    async release(...call) {
      seen.push('release')
      return ledger.release(...call)
    },
  }
  const guarded = guardLedger(slow, 'slow', fakeClock(), () => 250)
  expect(await guarded.lease('ns', 'k', 'me', 2000)).toEqual({ granted: true })
  const renewals = [guarded.lease('ns', 'k', 'me', 2000), guarded.lease('ns', 'k', 'me', 2000)]
  const released = guarded.release('ns', 'k', 'me')
  await new Promise((resolve) => setImmediate(resolve))
  expect(seen).toEqual(['lease', 'lease', 'lease'])
  open()
  await Promise.all([...renewals, released])
  expect(await guarded.lease('ns', 'k', 'you', 2000)).toEqual({ granted: true })
})

test('a release waits for a renewal that is answered after a later one', async () => {
  const { ledger } = simulatedServer().connect()
  const { opened, open } = gate()
  const seen: string[] = []
  const disordered: LedgerStore = {
    ...ledger,
    async lease(...call) {
      seen.push('lease')
      if (seen.length === 2) await opened
      return ledger.lease(...call)
    },
    async release(...call) {
      seen.push('release')
      return ledger.release(...call)
    },
  }
  const guarded = guardLedger(disordered, 'disordered', fakeClock(), () => 250)
  await guarded.lease('ns', 'k', 'me', 2000)
  const first = guarded.lease('ns', 'k', 'me', 2000)
  await new Promise((resolve) => setImmediate(resolve))
  await guarded.lease('ns', 'k', 'me', 2000)
  const released = guarded.release('ns', 'k', 'me')
  await new Promise((resolve) => setImmediate(resolve))
  expect(seen).toEqual(['lease', 'lease', 'lease'])
  open()
  await Promise.all([first, released])
  expect(await guarded.lease('ns', 'k', 'you', 2000)).toEqual({ granted: true })
})

test('a load waits for its lease as long as for an answer, and no longer', async () => {
  const { ledger } = simulatedServer().connect()
  const clock = fakeClock()
  const guarded = guardLedger({ ...ledger, lease: () => new Promise(() => {}) }, 'mute', clock, () => 250)
  const asked = guarded.lease('ns', 'k', 'me', 2000).then(
    () => 'granted',
    (error: { code: string }) => error.code,
  )
  await clock.run(251)
  expect(await asked).toBe('TIER_FAILED')
})
