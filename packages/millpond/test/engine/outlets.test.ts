// Outlets receive invalidations in order, at least once, and whatever an outlet does, no caller waits for ever.
import { join } from 'node:path'
import { type CacheOptions, memory, type OutletBatch, type OutletLine } from 'millpond'
import { sqlite, sqliteOutbox } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { until } from '../services/index.ts'
import { closeAfterEach, gate, newFolder, onEverySetup, open } from './setups.ts'

type Outlets = NonNullable<CacheOptions['outlets']>

/** An outlet that notes what it was told, and does what it is told to. */
function outlet(
  act: (batch: OutletBatch, call: number) => Promise<void> | void = () => {},
  more: Partial<Outlets[number]> = {},
) {
  const lines: OutletLine[] = []
  let calls = 0
  const use: Outlets[number] = {
    name: 'edge',
    async deliver(batch) {
      await act(batch, ++calls)
      lines.push(...batch.lines)
    },
    ...more,
  }
  return {
    use,
    lines,
    calls: () => calls,
    names: () => lines.map(({ targets }) => targets.map((one) => ('key' in one ? one.key : one.kind)).join()),
  }
}

onEverySetup('outlets', (cache) => {
  it('hear of writes and of invalidations before these are acked, with the same id and targets', async () => {
    const edge = outlet()
    const c = cache({ outlets: [edge.use], dependencies: 'declared' })
    await c.set('a', 1)
    expect(edge.lines).toMatchObject([
      { reason: 'replaced', mode: 'delete', targets: [{ kind: 'key', key: 'a' }], isOwn: true },
    ])
    const receipt = await c.invalidate({ keys: ['a'], tag: 't' }, { mode: 'expire' })
    expect(receipt.outlets).toEqual([{ name: 'edge', ok: true }])
    expect(edge.lines[1]).toMatchObject({
      id: receipt.id,
      mode: 'expire',
      targets: [
        { kind: 'key', key: 'a' },
        { kind: 'tag', tag: 't' },
      ],
    })
    await c.clear()
    expect(edge.lines[2]?.targets).toEqual([{ kind: 'all' }])
  })

  it('one that fails delays no caller, and gets all of it again, in order', async () => {
    const edge = outlet((_, call) => {
      if (call < 3) throw new Error('not now')
    })
    const sound = outlet(() => {}, { name: 'sound' })
    const c = cache({ outlets: [edge.use, sound.use] })
    const warnings: string[] = []
    c.on('warning', ({ message }) => warnings.push(message))
    for (const key of ['a', 'b', 'a']) {
      expect((await c.delete(key)).outlets).toEqual([
        { name: 'edge', ok: false },
        { name: 'sound', ok: true },
      ])
    }
    await until('all to be delivered', () => edge.lines.length === 3)
    expect(edge.names()).toEqual(['a', 'b', 'a'])
    expect(sound.names()).toEqual(['a', 'b', 'a'])
    expect(warnings).toHaveLength(1)
    expect((await c.delete('c')).outlets[0]).toEqual({ name: 'edge', ok: true })
  })
})

describe('outlets', () => {
  closeAfterEach()

  it('one that hangs is waited for until its timeout, told to stop, and asked again', async () => {
    const clock = fakeClock()
    const signals: AbortSignal[] = []
    const edge = outlet(
      ({ signal }, call) => {
        signals.push(signal)
        return call === 1 ? new Promise(() => {}) : undefined
      },
      { timeout: '2s' },
    )
    const cache = open({ outlets: [edge.use], clock })
    const deleting = cache.delete('a')
    await until('it to be asked', () => edge.calls() === 1)
    await clock.advance(2000)
    expect((await deleting).outlets).toEqual([{ name: 'edge', ok: false }])
    expect(signals[0]?.aborted).toBe(true)
    await clock.advance(250)
    await until('it to be told', () => edge.lines.length === 1)
  })

  it('a slow one is told of what came meanwhile in one delivery', async () => {
    const slow = gate()
    const edge = outlet((_, call) => (call === 1 ? slow.promise : undefined))
    const cache = open({ outlets: [edge.use] })
    const all = Promise.all(Array.from({ length: 100 }, (_, index) => cache.delete(`k${index}`)))
    await until('it to be asked', () => edge.calls() === 1)
    slow.open()
    expect((await all).every(({ outlets }) => outlets[0]?.ok)).toBe(true)
    expect(edge.names()).toEqual(Array.from({ length: 100 }, (_, index) => `k${index}`))
    expect(edge.calls()).toBeLessThanOrEqual(3)
  })

  it('what was not delivered when a process ended is delivered by the next, before anything else', async () => {
    const path = join(newFolder(), 'outbox.db')
    const down = outlet(() => Promise.reject(new Error('down')))
    const first = open({ outlets: [down.use], outbox: sqliteOutbox({ path }) })
    await first.delete('a')
    await first.invalidateTags(['t'])
    await first.close()
    const edge = outlet()
    const next = open({ outlets: [edge.use], outbox: sqliteOutbox({ path }) })
    await next.delete('b')
    expect(edge.names()).toEqual(['a', 'tag', 'b'])
    await next.close()
    const later = outlet()
    await open({ outlets: [later.use], outbox: sqliteOutbox({ path }) }).delete('c')
    expect(later.names()).toEqual(['c'])
  })

  it('one that takes on what it is told is waited for by acked, and keeps it in the outbox until it is done', async () => {
    const path = join(newFolder(), 'outbox.db')
    const [gone, done] = [gate(), gate()]
    const slow: Outlets[number] = {
      name: 'edge',
      deliver: async () => ({ state: 'queued', leftMs: 1500, gone: gone.promise, done: done.promise }),
    }
    const clock = fakeClock({ now: Date.now() })
    const first = open({ outlets: [slow], outbox: sqliteOutbox({ path }), clock })
    const receipt = await first.invalidateTags(['t'])
    expect(receipt.outlets).toEqual([{ name: 'edge', ok: true, state: 'queued', leftMs: 1500 }])
    const late = receipt.acked({ timeout: '1s' })
    await clock.run(1000)
    expect(await late).toEqual(['outlet:edge'])
    gone.open()
    expect(await receipt.acked()).toEqual([])
    await first.close()
    // It was gone, and yet something was to be done.
    const edge = outlet()
    const next = open({ outlets: [edge.use], outbox: sqliteOutbox({ path }) })
    await next.get('x')
    await until('it to be told', () => edge.names().join() === 'tag')
    await next.close()
    const last = outlet(() => {}, {
      deliver: async () => ({ state: '', leftMs: 0, gone: Promise.resolve(), done: Promise.resolve() }),
    })
    const then = open({ outlets: [last.use], outbox: sqliteOutbox({ path }) })
    await then.delete('b')
    await then.close()
    const nothing = outlet()
    await open({ outlets: [nothing.use], outbox: sqliteOutbox({ path }) }).delete('c')
    expect(nothing.names()).toEqual(['c'])
  })

  it('of some namespaces alone is told of nothing else, and the outbox keeps nothing else for it', async () => {
    const edge = outlet(() => {}, { namespaces: ['pages'] })
    const kept: string[] = []
    const box = sqliteOutbox({ path: join(newFolder(), 'outbox.db') })
    const outbox: typeof box = {
      ...box,
      add: (namespace, change) => {
        kept.push(namespace)
        return box.add(namespace, change)
      },
    }
    const cache = open({ outlets: [edge.use], outbox })
    expect((await cache.delete('a')).outlets).toEqual([])
    expect((await cache.namespace('pages').delete('b')).outlets).toEqual([{ name: 'edge', ok: true }])
    expect(edge.names()).toEqual(['b'])
    expect(kept).toHaveLength(1)
  })

  it('is told whether others have heard, and how long a load may last', async () => {
    const batches: OutletBatch[] = []
    const edge = outlet((batch) => {
      batches.push(batch)
    })
    const cache = open({ outlets: [edge.use], defaults: { timeout: { hard: '4s' } } })
    await cache.delete('a')
    expect(batches[0]?.longestLoadMs).toBe(4000)
    expect(await batches[0]?.heard?.()).toBe('all')
  })

  it('hears of peers where it wants to, of each thing once', async () => {
    const path = join(newFolder(), 'cache.db')
    const [own, all] = [outlet(), outlet(() => {}, { peers: true })]
    const [one, two, three] = [[], [own.use], [all.use]].map((outlets) =>
      open({ tiers: [memory(), sqlite({ path })], outlets }),
    )
    for (const cache of [one, two, three]) await cache?.get('x')
    await one?.set('a', 1)
    await one?.delete('b')
    await three?.delete('c')
    await until('it to be told', async () => (await three?.get('x')) === undefined && all.lines.length === 3)
    expect(all.names().sort()).toEqual(['a', 'b', 'c'])
    expect(all.lines.map(({ isOwn }) => isOwn).sort()).toEqual([false, false, true])
    expect(own.lines).toEqual([])
  })

  it('what is no outlet is refused', () => {
    const { use } = outlet()
    expect(() => open({ outlets: [use, use] })).toThrow('is given twice')
    // @ts-expect-error: not a function
    expect(() => open({ outlets: [{ name: 'x', deliver: 1 }] })).toThrow(
      'outlets[0].deliver: 1 is not allowed: give a function',
    )
    expect(() => open({ outlets: [{ ...use, timeout: 0 }] })).toThrow('outlets[0].timeout')
    expect(() => open({ outlets: [{ ...use, name: 'a b' }] })).toThrow('outlets[0].name')
  })
})
