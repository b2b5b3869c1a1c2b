// Model changes after their commit, and application events.
import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Criteria } from '../../src/invalidate/criteria.ts'
import { EventMap } from '../../src/invalidate/event-map.ts'
import { ModelEvents } from '../../src/invalidate/model-events.ts'
import { Relations } from '../../src/invalidate/relations.ts'

function recording(maxRows?: number) {
  const flushed: (readonly string[])[] = []
  const events = new ModelEvents({
    relations: new Relations({ User: { related: [{ model: 'profile', id: 'same' }] }, Log: { invalidateOn: [] } }),
    ...(maxRows === undefined ? {} : { maxRows }),
    invalidate: async (plan) => {
      flushed.push(plan.tags)
      return flushed.length
    },
  })
  return { events, flushed }
}
const user7 = ['model:User:7', 'model:User', 'model:profile:7', 'model:profile']

describe('ModelEvents', () => {
  it('I5: outside of a transaction a change is invalidated at once; a model that does not react is not', async () => {
    const { events, flushed } = recording()
    expect(await events.modelChanged('User', 7, 'save')).toBe(1)
    expect(await events.modelChanged('Log', 7, 'save')).toBeUndefined()
    expect(flushed).toEqual([user7])
    await expect(events.modelChanged('a:b', 7, 'save')).rejects.toThrow(/not a name/)
    await expect(events.modelChanged('User', '', 'save')).rejects.toThrow(/id/)
  })

  it('a transaction collects: one step after the commit, nothing after a rollback', async () => {
    const { events, flushed } = recording()
    const tx = events.transaction()
    tx.modelChanged('User', 7, 'save')
    tx.modelChanged('User', 7n, 'delete')
    tx.modelChanged('Deal', 1, 'save')
    expect(flushed).toEqual([])
    await tx.commit()
    expect(flushed).toEqual([
      ['model:User:7', 'model:User', 'model:Deal:1', 'model:Deal', 'model:profile:7', 'model:profile'],
    ])
    expect(() => tx.modelChanged('User', 8, 'save')).toThrow(/already committed/)
    await expect(tx.commit()).rejects.toThrow(/already committed/)
    const other = events.transaction()
    other.modelChanged('User', 8, 'save')
    other.rollback()
    expect(() => other.rollback()).toThrow(/already rolled back/)
    expect(await events.transaction().commit()).toBeUndefined()
    expect(flushed).toHaveLength(1)
  })

  it('during: waits for the commit however deep the change is, also beside other transactions', async () => {
    const { events, flushed } = recording()
    const order: string[] = []
    const change = async (id: number): Promise<void> => {
      await Promise.resolve()
      expect(await events.modelChanged('User', id, 'save')).toBeUndefined()
    }
    const answer = await events.during(async () => {
      await Promise.all([change(7), change(7)])
      order.push(`flushed ${flushed.length}`)
      return 'answer'
    })
    expect([answer, order, flushed]).toEqual(['answer', ['flushed 0'], [user7]])
    await Promise.all([
      events.during(() => change(1)),
      events
        .during(async () => {
          await change(2)
          throw new Error('rolled back')
        })
        .catch((error: unknown) => order.push(String(error))),
    ])
    expect([order.at(-1), flushed.slice(1).map((tags) => tags[0])]).toEqual(['Error: rolled back', ['model:User:1']])
  })

  it('during: savepoints join the outer transaction or are dropped; late changes count at once', async () => {
    const { events, flushed } = recording()
    let late: (() => Promise<unknown>) | undefined
    await events.during(async () => {
      await events.during(async () => void (await events.modelChanged('Deal', 1, 'save')))
      await expect(
        events.during(async () => {
          await events.modelChanged('Deal', 2, 'save')
          throw new Error('savepoint')
        }),
      ).rejects.toThrow('savepoint')
      expect(flushed).toEqual([])
      late = async () => {
        await new Promise((resolve) => setImmediate(resolve))
        await new Promise((resolve) => setImmediate(resolve))
        return events.modelChanged('Deal', 3, 'save')
      }
      lateRun = late()
    })
    await lateRun
    expect(flushed).toEqual([
      ['model:Deal:1', 'model:Deal'],
      ['model:Deal:3', 'model:Deal'],
    ])
  })
  let lateRun: Promise<unknown> | undefined

  it('too many rows become their models; the buffer stays bounded', async () => {
    const { events, flushed } = recording(10)
    await events.during(async () => {
      for (let id = 0; id < 100; id++) await events.modelChanged('Deal', id, 'save')
    })
    expect(flushed).toEqual([['model:Deal', 'model:Deal:*']])
    expect(() => recording(0)).toThrow(/maxRows/)
  })

  it('an id that begins with a star stays that row through a transaction', async () => {
    const { events, flushed } = recording()
    await events.during(async () => void (await events.modelChanged('Deal', '*', 'save')))
    expect(flushed).toEqual([['model:Deal:\\*', 'model:Deal']])
  })
})

describe('EventMap', () => {
  interface Events {
    'user.renamed': { id: number }
    'price.tick': { changed: boolean }
  }
  function mapped() {
    const asked: Criteria[] = []
    const errors: [string, unknown][] = []
    const map = new EventMap<Events, string>({
      events: {
        'user.renamed': ({ id }) => ({ model: 'User', id }),
        'price.tick': ({ changed }) => (changed ? { tags: ['prices'] } : undefined),
      },
      invalidate: async (criteria) => {
        if (criteria.id === 13) throw new Error('unlucky')
        asked.push(criteria)
        return 'receipt'
      },
      onError: (event, error) => errors.push([event, error]),
    })
    return { asked, errors, map }
  }

  it('I5: an event invalidates what its rule names', async () => {
    const { asked, map } = mapped()
    expect(await map.emit('user.renamed', { id: 7 })).toBe('receipt')
    expect(await map.emit('price.tick', { changed: false })).toBeUndefined()
    expect(asked).toEqual([{ model: 'User', id: 7 }])
    await expect(map.emit('user.renamed', { id: 13 })).rejects.toThrow('unlucky')
    // @ts-expect-error an event without a rule
    await expect(map.emit('toString', {})).rejects.toThrow(/no rule for the event/)
    // @ts-expect-error a rule that is none
    expect(() => new EventMap({ events: { a: 1 }, invalidate: async () => 1, onError: () => undefined })).toThrow(
      /not a function/,
    )
  })

  it('attached to an emitter: until it is stopped, and failures are told', async () => {
    const { asked, errors, map } = mapped()
    const emitter = new EventEmitter()
    const stop = map.attach(emitter)
    emitter.emit('user.renamed', { id: 1 })
    emitter.emit('user.renamed', { id: 13 })
    emitter.emit('price.tick')
    await new Promise((resolve) => setImmediate(resolve))
    expect(asked).toEqual([{ model: 'User', id: 1 }])
    expect(errors.map(([event, error]) => [event, error instanceof Error])).toEqual([
      ['price.tick', true],
      ['user.renamed', true],
    ])
    stop()
    stop()
    emitter.emit('user.renamed', { id: 2 })
    expect([asked.length, emitter.eventNames()]).toEqual([1, []])
  })
})
