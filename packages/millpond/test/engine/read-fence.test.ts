// G7: what a process has shown is never taken back, also where two loads of a key overlap and the later one read the
// source first.

import { join } from 'node:path'
import { memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { ReadFence } from '../../src/engine/read-fence.ts'
import { closeAfterEach, gate, newFolder, open, until } from './setups.ts'

describe('loads that overlap', () => {
  closeAfterEach()

  const process = (path: string, maxEntries = 100) =>
    open({ tiers: [memory({ maxEntries }), sqlite({ path })], defaults: { ttl: '1m' } })

  it('G7: after the newer value of an overtaken load, the stored value of the load that overtook it is not shown', async () => {
    const path = join(newFolder(), 'shared.db')
    const here = process(path)
    const there = process(path)
    const slow = gate<number>()
    let began = false
    const load = (): Promise<number> => {
      began = true
      return slow.promise
    }
    const first = here.getOrSet('k', load, { tags: ['t'] })
    await until(() => began)
    await here.delete('k')
    expect(await here.getOrSet('k', () => 17, { tags: ['t'] })).toBe(17)
    await here.flush()
    // The source moves to 18. Its writer is told so before this process hears of it.
    await there.invalidateTags(['t'])
    slow.open(18)
    expect(await first).toBe(18)
    expect(await here.get('k')).not.toBe(17)
    expect(here.peek('k')).not.toBe(17)
    expect(await here.getOrSet('k', () => 18, { tags: ['t'] })).toBe(18)
  })

  it('what was stored meanwhile is found again as soon as the ledger has said that nothing has moved', async () => {
    const here = process(join(newFolder(), 'shared.db'))
    const slow = gate<string>()
    let began = false
    const first = here.getOrSet('k', () => {
      began = true
      return slow.promise
    })
    await until(() => began)
    await here.delete('k')
    expect(await here.getOrSet('k', () => 'new')).toBe('new')
    await here.flush()
    slow.open('old')
    expect(await first).toBe('old')
    expect(here.peek('k')).toBeUndefined()
    expect(await here.get('k')).toBe('new')
    expect(here.peek('k')).toBe('new')
  })
})

describe('marks', () => {
  it('end with the answer to a question that was sent later', () => {
    const fence = new ReadFence()
    fence.mark('k', { asked: 5, heard: 3 })
    expect([4, 5, 6].map((heard) => fence.isOf('k', { asked: 6, heard }))).toEqual([true, true, false])
    expect(fence.isOf('other', { asked: 6, heard: 0 })).toBe(false)
  })

  it('concern every key where there are too many to remember, until they have all ended', () => {
    const fence = new ReadFence()
    for (let n = 0; n <= 10_000; n++) fence.mark(`k${n}`, { asked: 5, heard: 3 })
    expect([5, 6].map((heard) => fence.isOf('never marked', { asked: 6, heard }))).toEqual([true, false])
    for (let n = 0; n < 10_000; n++) fence.mark(`l${n}`, { asked: 8, heard: 6 })
    expect([fence.isOf('l0', { asked: 8, heard: 8 }), fence.isOf('never marked', { asked: 8, heard: 7 })]).toEqual([
      true,
      false,
    ])
  })
})
