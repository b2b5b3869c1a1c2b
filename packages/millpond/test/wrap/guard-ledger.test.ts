// Leases and commits behind their queues: in which order they reach the store, and whom a failure concerns.
import { expect, test } from 'vitest'
import type { LedgerStore } from '../../src/core/contracts.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import { guardLedger } from '../../src/wrap/guard-ledger.ts'

/** A store that takes leases one by one. */
function oneByOne(): LedgerStore {
  const { leaseAll, releaseAll, ...ledger } = simulatedServer().connect().ledger
  return ledger
}

const gate = () => {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

test('a release waits for the renewals before it: one that came after it would take the key once more', async () => {
  const ledger = oneByOne()
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
  const guarded = guardLedger(slow, 'slow', fakeClock(), () => 250, 8)
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
  const ledger = oneByOne()
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
  const guarded = guardLedger(disordered, 'disordered', fakeClock(), () => 250, 8)
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
  const ledger = oneByOne()
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
  const guarded = guardLedger(slow, 'slow', clock, () => 250, 8)
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

test('a lease that fails does not fail others', async () => {
  const ledger = oneByOne()
  const picky: LedgerStore = {
    ...ledger,
    async lease(...call) {
      if (call[1] === 'k1') throw new Error('not k1')
      return ledger.lease(...call)
    },
  }
  const guarded = guardLedger(picky, 'picky', fakeClock(), () => 250, 8)
  const asked = ['k0', 'k1', 'k2'].map((key) =>
    guarded.lease('ns', key, key, 2000).catch((error: Error) => error.message),
  )
  expect(await Promise.all(asked)).toEqual([{ granted: true }, 'not k1', { granted: true }])
})

test('leases of one namespace go together, and so do those that are given back; a renewal is waited for', async () => {
  const { ledger } = simulatedServer().connect()
  const { opened, open } = gate()
  const seen: string[] = []
  const noted: LedgerStore = {
    ...ledger,
    async leaseAll(namespace, asks, ms) {
      seen.push(['take', namespace, ...asks.map(({ key }) => key)].join(' '))
      if (seen.length === 4) await opened
      return ledger.leaseAll?.(namespace, asks, ms) ?? []
    },
    async releaseAll(namespace, asks) {
      seen.push(['give back', namespace, ...asks.map(({ key }) => key)].join(' '))
      await ledger.releaseAll?.(namespace, asks)
    },
  }
  const guarded = guardLedger(noted, 'noted', fakeClock(), () => 250, 8)
  await ledger.lease('a', 'held', 'other', 2000)
  const asked = ['k0', 'held', 'k1'].map((key) => guarded.lease('a', key, `of ${key}`, 2000))
  const answers = await Promise.all([...asked, guarded.lease('b', 'k0', 'b', 2000)])
  expect(answers.map(({ granted }) => granted)).toEqual([true, false, true, true])
  await guarded.release('b', 'k0', 'b')
  const renewal = guarded.lease('a', 'k1', 'of k1', 2000)
  const released = Promise.all(['k0', 'k1'].map((key) => guarded.release('a', key, `of ${key}`)))
  await new Promise((resolve) => setImmediate(resolve))
  expect(seen).toEqual(['take a k0 held k1', 'take b k0', 'give back b k0', 'take a k1'])
  open()
  await Promise.all([renewal, released])
  expect(seen[4]).toBe('give back a k0 k1')
  expect(await ledger.lease('a', 'k1', 'you', 2000)).toEqual({ granted: true })
})

test('leases that fail together, or are answered in part, are not granted', async () => {
  const { ledger } = simulatedServer().connect()
  const half: LedgerStore = {
    ...ledger,
    leaseAll: async (...call) => ((await ledger.leaseAll?.(...call)) ?? []).slice(1),
  }
  const guarded = guardLedger(half, 'half', fakeClock(), () => 250, 8)
  const asked = ['k0', 'k1'].map((key) =>
    guarded.lease('ns', key, key, 2000).catch((error: { code: string }) => error.code),
  )
  expect(await Promise.all(asked)).toEqual(['LEDGER_UNREACHABLE', 'LEDGER_UNREACHABLE'])
})

test('commits go together, those of each namespace by themselves', async () => {
  const ledger = oneByOne()
  const seen: string[] = []
  const noted: LedgerStore = {
    ...ledger,
    async commit(namespace, items) {
      seen.push([namespace, ...items.map(({ key }) => key)].join(' '))
      return items.map(({ key }) => key !== 'refused')
    },
  }
  const guarded = guardLedger(noted, 'noted', fakeClock(), () => 250, 8)
  const commit = (namespace: string, key: string): Promise<boolean> =>
    guarded.commit(namespace, { key, target: key, asOf: { epoch: 'e', seq: 0 }, body: new Uint8Array(1), expiresAt: 1 })
  const answers = await Promise.all([
    commit('a', 'one'),
    commit('a', 'refused'),
    commit('b', 'one'),
    commit('a', 'two'),
  ])
  expect(answers).toEqual([true, false, true, true])
  expect(seen).toEqual(['a one refused', 'b one', 'a two'])
})
