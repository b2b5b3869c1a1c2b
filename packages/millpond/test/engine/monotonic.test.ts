// G7, order by order: what a process has shown of a key is never taken back, however far reads, loads and the news of
// an invalidation overlap.
import type { Cache } from 'millpond'
import { describe, expect, it } from 'vitest'
import { twoProcesses } from './held-link.ts'
import { closeAfterEach, gate, until } from './setups.ts'

const TAGGED = { tags: ['t'], ttl: '1h' } as const

/** A load of `k` that has come to its loader, which returns what `finish` says. */
async function beginLoad(cache: Cache): Promise<{ readonly value: Promise<number>; finish(value: number): void }> {
  const source = gate<number>()
  let began = false
  const load = (): Promise<number> => {
    began = true
    return source.promise
  }
  const value = cache.getOrSet('k', load, TAGGED)
  await until(() => began)
  return { value, finish: source.open }
}

describe('G7: nothing that was shown is taken back', () => {
  closeAfterEach()

  it('by an older copy that another read brought while a newer answer was on its way', async () => {
    const { here, there, link } = twoProcesses()
    await there.set('k', 17, TAGGED)
    await here.get('other')
    const read = link.hold('> read')
    const loading = here.getOrSet('k', () => 0, TAGGED)
    await read.stopped()
    expect(await here.get('k')).toBe(17)
    await there.set('k', 18, TAGGED)
    read.go()
    expect(await loading).toBe(18)
    expect(here.peek('k')).not.toBe(17)
    expect(await here.get('k')).toBe(18)
  })

  it('by an older answer that came after a load had landed', async () => {
    const { here, there, link } = twoProcesses()
    const load = await beginLoad(here)
    await there.set('k', 17, TAGGED)
    const read = link.hold('< read')
    const late = here.get('k')
    await read.stopped()
    await there.invalidateTags(['t'])
    load.finish(18)
    expect(await load.value).toBe(18)
    read.go()
    await late
    expect(here.peek('k')).not.toBe(17)
    expect(await here.get('k')).not.toBe(17)
  })

  it('by the copy below that a load could not replace', async () => {
    const { here, there } = twoProcesses()
    const load = await beginLoad(here)
    await there.set('k', 17, TAGGED)
    expect(await here.get('k')).toBe(17)
    await there.invalidateTags(['t'])
    load.finish(18)
    expect(await load.value).toBe(18)
    expect(here.peek('k')).not.toBe(17)
    expect(await here.get('k')).not.toBe(17)
  })

  it('by the copy below when news that is older than what was loaded makes memory forget it', async () => {
    const { here, there, link } = twoProcesses()
    const load = await beginLoad(here)
    await there.set('k', 17, TAGGED)
    const pull = link.hold('< pull')
    const strong = here.get('other', { consistency: 'strong' })
    await pull.stopped()
    await there.invalidateTags(['t'])
    load.finish(18)
    expect(await load.value).toBe(18)
    pull.go()
    await strong
    expect(here.peek('k')).not.toBe(17)
    expect(await here.get('k')).not.toBe(17)
  })

  it('by the copy below when what was loaded in an outage is shown once more after it', async () => {
    const { here, there, link, clock } = twoProcesses()
    await there.set('k', 17, TAGGED)
    await here.get('other')
    link.cut()
    clock.advance(500)
    expect(await here.getOrSet('k', () => 18, TAGGED)).toBe(18)
    clock.advance(350)
    link.mend()
    await here.get('other', { consistency: 'strong' })
    await there.invalidateTags(['t'])
    expect(await here.getOrSet('k', () => 19, TAGGED)).toBe(18)
    clock.advance(60)
    expect(await here.get('k')).not.toBe(17)
  })

  it('by what other reads had promoted, when the newer answer is not to be promoted yet', async () => {
    const { here, there, link } = twoProcesses({ promoteAfter: 2 })
    await there.set('k', 17, TAGGED)
    await here.get('other')
    const read = link.hold('> read')
    const loading = here.getOrSet('k', () => 0, TAGGED)
    await read.stopped()
    expect([await here.get('k'), await here.get('k')]).toEqual([17, 17])
    await there.set('k', 18, TAGGED)
    read.go()
    expect(await loading).toBe(18)
    expect(here.peek('k')).not.toBe(17)
    expect(await here.get('k')).toBe(18)
  })

  it('by an older load that lands after another read', async () => {
    const { here, there } = twoProcesses()
    const load = await beginLoad(here)
    await there.set('k', 18, TAGGED)
    expect(await here.get('k')).toBe(18)
    load.finish(17)
    expect(await load.value).toBe(17)
    expect(here.peek('k')).not.toBe(17)
    expect(await here.get('k')).toBe(18)
  })

  it('by the slower of two loads that an outdated one has overtaken, and a third does not join', async () => {
    const { here, there } = twoProcesses()
    const outdated = await beginLoad(here)
    await here.delete('k')
    const slow = await beginLoad(here)
    await there.invalidateTags(['t'])
    outdated.finish(18)
    expect(await outdated.value).toBe(18)
    expect(await here.getOrSet('k', () => 18, TAGGED)).toBe(18)
    slow.finish(17)
    expect(await slow.value).toBe(17)
    expect(here.peek('k')).not.toBe(17)
    expect(await here.get('k')).not.toBe(17)
  })

  it('by the slower of two loads while the ledger does not answer', async () => {
    const { here, there, link, clock } = twoProcesses()
    const outdated = await beginLoad(here)
    await here.delete('k')
    link.cut()
    await clock.run(450)
    const slow = await beginLoad(here)
    await there.invalidateTags(['t'])
    outdated.finish(18)
    expect(await outdated.value).toBe(18)
    slow.finish(17)
    expect(await slow.value).toBe(17)
    expect(await here.get('k')).not.toBe(17)
    expect(await here.getOrSet('k', () => 18, TAGGED)).toBe(18)
  })

  it('by a slower load that the others join while the ledger does not answer', async () => {
    const { here, link, clock } = twoProcesses()
    const outdated = await beginLoad(here)
    await here.delete('k')
    link.cut()
    await clock.run(450)
    const slow = await beginLoad(here)
    outdated.finish(18)
    expect(await outdated.value).toBe(18)
    const third = here.getOrSet('k', () => 18, TAGGED)
    slow.finish(17)
    expect([await slow.value, await third]).toEqual([17, 18])
  })

  it('by an older answer where memory does not hold what was shown', async () => {
    const { here, there, link } = twoProcesses()
    const outdated = await beginLoad(here)
    await here.delete('k')
    await there.set('k', 17, TAGGED)
    const read = link.hold('< read')
    const late = here.get('k')
    await read.stopped()
    await there.invalidateTags(['t'])
    outdated.finish(18)
    expect(await outdated.value).toBe(18)
    read.go()
    await late
    expect(here.peek('k')).not.toBe(17)
  })

  it('by an own write that came before what was shown, and was answered after it', async () => {
    const { here, there, link } = twoProcesses()
    const load = await beginLoad(here)
    const step = link.hold('< advance key k')
    const written = here.set('k', 17, TAGGED)
    await step.stopped()
    await there.invalidateTags(['t'])
    load.finish(18)
    expect(await load.value).toBe(18)
    step.go()
    await written
    expect(here.peek('k')).not.toBe(17)
    expect(await here.get('k')).not.toBe(17)
  })

  it('while an own step has told where the ledger is, but not what came before', async () => {
    const { here, there, link } = twoProcesses()
    const outdated = await beginLoad(here)
    await here.delete('k')
    await there.set('k', 17, TAGGED)
    await there.invalidateTags(['t'])
    outdated.finish(18)
    expect(await outdated.value).toBe(18)
    const pull = link.hold('< pull')
    await here.delete('other')
    await pull.stopped()
    const next = here.get('k')
    await new Promise((resolve) => setImmediate(resolve)) // all it does without waiting for the answer
    pull.go()
    expect(await next).not.toBe(17)
  })

  it('by a tier of its own that was given the older of two answers last', async () => {
    const { here, there, link, above } = twoProcesses({ hasTierAbove: true })
    await there.set('k', 17, TAGGED)
    await here.get('other')
    const read = link.hold('> read')
    const loading = here.getOrSet('k', () => 0, TAGGED)
    await read.stopped()
    const write = above.hold('> write')
    expect(await here.get('k')).toBe(17)
    await write.stopped()
    await there.set('k', 18, TAGGED)
    read.go()
    expect(await loading).toBe(18)
    write.go()
    await here.flush()
    expect(await here.get('k')).toBe(18)
  })

  it('and an own write after a load is in memory: its step has said where the ledger is', async () => {
    const { here } = twoProcesses()
    expect(await here.getOrSet('k', () => 17, TAGGED)).toBe(17)
    await here.set('k', 18, TAGGED)
    expect(here.peek('k')).toBe(18)
  })

  it('and two reads that bring the same leave it in memory', async () => {
    const { here, there } = twoProcesses()
    await there.set('k', { at: [17] }, TAGGED)
    await here.get('other')
    expect(await Promise.all([here.get('k'), here.get('k')])).toEqual([{ at: [17] }, { at: [17] }])
    expect(here.peek('k')).toEqual({ at: [17] })
  })
})
