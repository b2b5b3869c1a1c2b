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

test('a load waits for its lease as long as for an answer, and no longer: what was not sent by then never is', async () => {
  const { ledger } = simulatedServer().connect()
  const clock = fakeClock()
  let sent = 0
  const slow: LedgerStore = {
    ...ledger,
    async lease() {
      sent++
      await new Promise((resolve) => clock.after(200, () => resolve(undefined)))
      return { granted: true }
    },
  }
  const guarded = guardLedger(slow, 'slow', clock, () => 250)
  const codes: string[] = []
  for (let at = 0; at < 192; at++)
    guarded.lease('ns', `k${at}`, 'me', 2000).then(
      () => codes.push('granted'),
      (error: { code: string }) => codes.push(error.code),
    )
  await clock.run(1000)
  const times = (count: number, code: string): string[] => new Array(count).fill(code)
  expect(codes).toEqual([...times(64, 'granted'), ...times(128, 'TIER_FAILED')])
  expect(sent).toBe(128)
})

test("a lease that fails is nobody else's failure", async () => {
  const { ledger } = simulatedServer().connect()
  const picky: LedgerStore = {
    ...ledger,
    async lease(...call) {
      if (call[1] === 'k1') throw new Error('not k1')
      return ledger.lease(...call)
    },
  }
  const guarded = guardLedger(picky, 'picky', fakeClock(), () => 250)
  const asked = ['k0', 'k1', 'k2'].map((key) => guarded.lease('ns', key, key, 2000).catch((error: Error) => error.message))
  expect(await Promise.all(asked)).toEqual([{ granted: true }, 'not k1', { granted: true }])
})

test('commits go together, those of each namespace by themselves', async () => {
  const { ledger } = simulatedServer().connect()
  const seen: string[] = []
  const noted: LedgerStore = {
    ...ledger,
    async commit(namespace, items) {
      seen.push([namespace, ...items.map(({ key }) => key)].join(' '))
      return items.map(({ key }) => key !== 'refused')
    },
  }
  const guarded = guardLedger(noted, 'noted', fakeClock(), () => 250)
  const commit = (namespace: string, key: string): Promise<boolean> =>
    guarded.commit(namespace, { key, target: key, asOf: { epoch: 'e', seq: 0 }, body: new Uint8Array(1), expiresAt: 1 })
  const answers = await Promise.all([commit('a', 'one'), commit('a', 'refused'), commit('b', 'one'), commit('a', 'two')])
  expect(answers).toEqual([true, false, true, true])
  expect(seen).toEqual(['a one refused', 'b one', 'a two'])
})
