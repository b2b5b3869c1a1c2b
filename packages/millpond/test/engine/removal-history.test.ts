// The ring of removals beside a plain list of them, and the filter behind it.
import { describe, expect, it } from 'vitest'
import { MISS_CAUSES, type MissCause } from '../../src/core/causes.ts'
import { hashOf } from '../../src/core/key-hash.ts'
import { RemovalHistory } from '../../src/engine/removal-history.ts'
import { SeenFilter } from '../../src/engine/seen-filter.ts'
import fc from '../properties.ts'

const HOUR = 3_600_000

describe('removals', () => {
  it('the last of each key is found, with all that is known of it', () => {
    // Few hashes that share buckets, so that chains are long and keys come again.
    const hash = fc.integer({ min: 0, max: 40 }).map((n) => (n % 8) + 1024 * (n >> 3))
    const step = fc.record({
      kind: fc.constantFrom('note', 'note', 'note', 'expect', 'settle'),
      hash,
      cause: fc.constantFrom(...MISS_CAUSES),
      receipt: fc.option(fc.uuid(), { nil: undefined }),
      isYoung: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 0, max: 3000 }), (steps, before) => {
        const removals = new RemovalHistory()
        for (let i = 0; i < before; i++) removals.note(1_000_000 + i, 'cold', i, i)
        const model = new Map<number, unknown>()
        for (const [at, { kind, hash, cause, receipt, isYoung }] of steps.entries()) {
          if (kind === 'settle') {
            removals.settle(hash)
            model.delete(hash)
          } else if (kind === 'expect') {
            removals.expect(hash, at, at + 1)
            model.set(hash, { cause: 'expired_ttl', at, until: at + 1, isYoung: false })
          } else {
            removals.receipt = receipt
            removals.note(hash, cause, at, at + 1, isYoung)
            removals.receipt = undefined
            model.set(hash, { cause, at, until: at + 1, isYoung, ...(receipt === undefined ? {} : { receipt }) })
          }
        }
        for (let n = 0; n <= 40; n++) {
          const of = (n % 8) + 1024 * (n >> 3)
          expect(removals.find(of)).toEqual(model.get(of))
        }
      }),
    )
  })

  it('remembers at least an hour, up to 65,536 of them, and afterwards that the key was here', () => {
    const removals = new RemovalHistory()
    const hash = (i: number): number => hashOf(`key ${i}`, 0)
    for (let i = 0; i < 100_000; i++) removals.note(hash(i), 'evicted_capacity', i, HOUR)
    expect(removals.find(hash(99_999))).toMatchObject({ at: 99_999 })
    expect(removals.find(hash(100_000 - 65_536))).toMatchObject({ at: 100_000 - 65_536 })
    expect(removals.find(hash(100_000 - 65_537))).toBeUndefined()
    expect(removals.forgottenAt).toBe(100_000 - 65_537)
    for (const i of [0, 1, 20_000, 50_000, 99_999]) expect(removals.wasSeen(hash(i))).toBe(true)
    let taken = 0
    for (let i = 200_000; i < 210_000; i++) if (removals.wasSeen(hash(i))) taken++
    expect(taken).toBeLessThan(100)
  })

  it('stays small where removals are rare', () => {
    const removals = new RemovalHistory()
    for (let i = 0; i < 5000; i++) removals.note(hashOf(`${i}`, 0), 'expired_ttl', i * HOUR, 0)
    expect(removals.find(hashOf('4000', 0))).toMatchObject({ at: 4000 * HOUR })
    expect(removals.find(hashOf('3900', 0))).toBeUndefined()
  })

  it('keys chosen to collide cost no more than others', () => {
    const removals = new RemovalHistory()
    for (let i = 1; i <= 60_000; i++) removals.note(i << 16, 'evicted_capacity', i, HOUR)
    const started = process.cpuUsage()
    for (let i = 0; i < 100_000; i++) removals.find(0)
    expect(process.cpuUsage(started).user).toBeLessThan(200_000)
    expect(removals.find(60_000 << 16)).toMatchObject({ at: 60_000 })
  })
})

describe('the filter of keys that were here', () => {
  it('knows what came in its turn and the one before, and nothing older', () => {
    const filter = new SeenFilter()
    filter.add(1, 0)
    filter.add(2, 3 * HOUR)
    expect([filter.has(1), filter.has(2), filter.has(3)]).toEqual([true, true, false])
    filter.add(3, 6 * HOUR)
    expect([filter.has(1), filter.has(2), filter.has(3)]).toEqual([false, true, true])
  })

  it('takes few keys for others even when it is full', () => {
    const filter = new SeenFilter()
    for (let i = 0; i < 262_144; i++) filter.add(hashOf(`user:${i}`, 7), 0)
    let taken = 0
    for (let i = 262_144; i < 362_144; i++) if (filter.has(hashOf(`user:${i}`, 7))) taken++
    expect(taken).toBeLessThan(2000)
    expect(filter.has(hashOf('user:262143', 7))).toBe(true)
    expect(filter.has(hashOf('user:1', 7))).toBe(true)
  })
})

describe('the hash that all processes share', () => {
  it('is MurmurHash3 over the code units: what other implementations say of the same bytes', () => {
    // Reference values of MurmurHash3_x86_32, seed 0, of the UTF-16LE bytes.
    expect(hashOf('', 0)).toBe(0)
    expect(hashOf('', 1) >>> 0).toBe(0x514e28b7)
  })

  it('tells apart what is alike', () => {
    const all = new Set<number>()
    for (let i = 0; i < 50_000; i++) for (const seed of [0, 1]) all.add(hashOf(`user:${i}`, seed))
    expect(all.size).toBeGreaterThan(99_990)
    const causes = new Set<MissCause>(MISS_CAUSES)
    expect(causes.size).toBe(MISS_CAUSES.length)
  })
})
