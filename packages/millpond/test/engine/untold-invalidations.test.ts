// G2 G5 G11: what an invalidation does to the loads of its process when the ledger cannot be told of it: those that it
// concerns are too old for whoever reads afterwards, and no other key is loaded twice.
import { setImmediate as turn } from 'node:timers/promises'
import type { Cache, LoadContext } from 'millpond'
import { describe, expect, it } from 'vitest'
import fc from '../properties.ts'
import { twoProcesses } from './held-link.ts'
import { closeAfterEach, gate, until } from './setups.ts'

closeAfterEach()

/** Loads of one key that the test lets end; each value is the number of its load. */
function source(cache: Cache, key: string, tags: readonly string[], learned: readonly string[] = []) {
  const running: { readonly context: LoadContext; readonly end: () => void }[] = []
  let begun = 0
  const load = async (context: LoadContext): Promise<number> => {
    const number = ++begun
    const { promise, open } = gate<void>()
    running.push({ context, end: () => open() })
    await promise
    context.addTags(...learned)
    return number
  }
  return {
    read: () => cache.getOrSet(key, load, { tags: [...tags] }),
    begun: () => begun,
    end: (at: number) => running[at]?.end(),
  }
}

/** It knows the ledger's epoch, and is cut off from it. */
async function cutOff() {
  const { here, link, clock } = twoProcesses()
  await here.set('other', 1)
  return { here, link, clock }
}

const REJECTED = { code: 'LEDGER_UNREACHABLE' }

describe('an invalidation of which the ledger cannot be told', () => {
  it.each([
    ['of a tag', (cache: Cache) => cache.invalidateTags(['b'])],
    ['of a pattern', (cache: Cache) => cache.invalidatePattern('x*')],
    ['of a key', (cache: Cache) => cache.delete('x')],
  ])('G11: %s that does not concern a load leaves it the only one of its key', async (_, invalidate) => {
    const { here, link } = await cutOff()
    const { read, begun, end } = source(here, 'k', ['a'])
    const first = read()
    await until(() => begun() === 1)
    link.cut()
    await expect(invalidate(here)).rejects.toMatchObject(REJECTED)
    const second = read()
    await turn()
    end(0)
    expect(await Promise.all([first, second])).toEqual([1, 1])
    expect(begun()).toBe(1)
  })

  it.each([
    ['its tag', (cache: Cache) => cache.invalidateTags(['a'])],
    ['a pattern of its key', (cache: Cache) => cache.invalidatePattern('k*')],
    ['its key', (cache: Cache) => cache.delete('k')],
    ['everything', (cache: Cache) => cache.clear()],
    ['more tags than one step names', (cache: Cache) => cache.invalidateTags([...many(1200), 'a'])],
  ])('G5: who reads after one of %s gets a value that was loaded after it', async (_, invalidate) => {
    const { here, link } = await cutOff()
    const { read, begun, end } = source(here, 'k', ['a'])
    const first = read()
    await until(() => begun() === 1)
    link.cut()
    await expect(invalidate(here)).rejects.toMatchObject(REJECTED)
    const second = read()
    await until(() => begun() === 2)
    end(0)
    end(1)
    expect(await Promise.all([first, second])).toEqual([1, 2])
  })

  it('G5: so does who joins a load that learns its tag from its loader, and nobody is given it later', async () => {
    const { here, link } = await cutOff()
    const { read, begun, end } = source(here, 'k', [], ['late'])
    const first = read()
    await until(() => begun() === 1)
    link.cut()
    await expect(here.invalidateTags(['late'])).rejects.toMatchObject(REJECTED)
    const joins = read()
    await turn()
    expect(begun(), 'nothing is known that concerns it').toBe(1)
    end(0)
    await until(() => begun() === 2)
    const later = read()
    end(1)
    expect(await Promise.all([first, joins, later])).toEqual([1, 2, 2])
  })

  it('G5: nor is the expired value that a load has met in a tier given out, whose tags its caller did not name', async () => {
    const { here, there, link, clock } = twoProcesses()
    await there.set('k', 'old', { ttl: 1000, staleFor: '1h', tags: ['a'] })
    await here.get('other')
    await clock.run(2000)
    const { promise, open } = gate<void>()
    let begun = 0
    const load = async (): Promise<string> => {
      begun++
      await promise
      return 'new'
    }
    const first = here.getOrSet('k', load, { staleIfError: '1h' })
    await until(() => begun === 1)
    link.cut()
    await expect(here.invalidateTags(['a'])).rejects.toMatchObject(REJECTED)
    const second = here.getOrSet('k', load, { staleFor: '1h' })
    await turn()
    open()
    expect(await Promise.all([first, second])).toEqual(['new', 'new'])
  })

  it('G1: a value whose load began before it is not kept once the ledger has been told', async () => {
    const { here, link, clock } = await cutOff()
    const { read, begun, end } = source(here, 'k', [], ['late'])
    const first = read()
    await until(() => begun() === 1)
    link.cut()
    await expect(here.invalidateTags(['late'])).rejects.toMatchObject(REJECTED)
    link.mend()
    await clock.run(300)
    expect(here.stats().ledger).toMatchObject({ isUp: true, pending: 0 })
    end(0)
    expect(await first).toBe(1)
    const second = read()
    await until(() => begun() === 2)
    end(1)
    expect(await second).toBe(2)
    expect(await here.get('k')).toBe(2)
  })

  it('G2: an invalidation that comes after who has joined does not hide one that came before', async () => {
    const { here } = await cutOff()
    const { read, begun, end } = source(here, 'k', [], ['late'])
    const first = read()
    await until(() => begun() === 1)
    await here.invalidateTags(['late'])
    const joins = read()
    await turn()
    await here.invalidateTags(['late'])
    end(0)
    await until(() => begun() === 2)
    end(1)
    expect(await Promise.all([first, joins])).toEqual([1, 2])
  })

  it('G5 G11: whatever is invalidated when, by seed', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('read' as const), key: fc.nat(3) }),
      fc.record({ do: fc.constant('end' as const), key: fc.nat(3) }),
      fc.record({ do: fc.constant('invalidate' as const), tag: fc.nat(3) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 30 }), async (steps) => {
        const { here, link } = await cutOff()
        // The last two learn their tag from their loader.
        const keys = [0, 1, 2, 3].map((at) => ({
          ...source(here, `k${at}`, at < 2 ? [`t${at}`] : [], at < 2 ? [] : [`t${at}`]),
          /** For each load how many invalidations of its tag there had been when it began. */
          sawAtBegin: [] as number[],
          ended: 0,
          invalidated: 0,
        }))
        link.cut()
        const reads: Promise<void>[] = []
        const settle = async (): Promise<void> => {
          for (let turns = 0; turns < 4; turns++) await turn()
          for (const key of keys) while (key.sawAtBegin.length < key.begun()) key.sawAtBegin.push(key.invalidated)
        }
        for (const one of steps) {
          if (one.do === 'read') {
            const key = keys[one.key]
            if (key === undefined) continue
            const before = key.invalidated
            reads.push(
              key.read().then((value) => {
                expect(key.sawAtBegin[(value ?? 0) - 1], 'loaded after what was invalidated').toBeGreaterThanOrEqual(
                  before,
                )
              }),
            )
          } else if (one.do === 'end') {
            const key = keys[one.key]
            if (key !== undefined && key.ended < key.begun()) key.end(key.ended++)
          } else {
            await expect(here.invalidateTags([`t${one.tag}`])).rejects.toMatchObject(REJECTED)
            const key = keys[one.tag]
            if (key !== undefined) key.invalidated++
          }
          await settle()
          for (const key of keys) {
            const under = key.sawAtBegin.slice(key.ended)
            expect(new Set(under).size, 'loads of a key that run at a time differ in what they saw').toBe(under.length)
          }
        }
        for (let isOver = false; !isOver; ) {
          isOver = true
          for (const key of keys)
            while (key.ended < key.begun()) {
              key.end(key.ended++)
              isOver = false
            }
          await settle()
        }
        await Promise.all(reads)
      }),
      { numRuns: 60 },
    )
  })
})

const many = (count: number): string[] => Array.from({ length: count }, (_, at) => `t${at}`)
