// G7, order by order: what a process has shown of a key is never taken back, however far reads, loads and the news of an invalidation overlap.
import { memory } from 'millpond'
import { describe, expect, it } from 'vitest'
import type { Tier } from '../../src/core/contracts.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import { closeAfterEach, gate, open, until } from './setups.ts'

/** What travels between this process and the shared tier, each call held when the test says so. */
function heldLink() {
  const held: { readonly label: string; readonly open: () => void }[] = []
  const holding = new Set<string>()
  const pass = (label: string): Promise<void> => {
    if (!holding.delete(label)) return Promise.resolve()
    const { promise, open: go } = gate()
    held.push({ label, open: () => go() })
    return promise
  }
  return {
    journey: {
      send: (what: string) => pass(`> ${what}`),
      back: (what: string) => pass(`< ${what}`),
      push: () => new Promise<void>(() => {}), // nobody hears a push: news comes with the next question
    },
    /** The next call of that label stops on its way there (`> read`) or back (`< read`); answers how to let it go on. */
    hold(label: string): { readonly stopped: () => Promise<void>; readonly go: () => void } {
      holding.add(label)
      const mine = () => held.find((one) => one.label === label)
      return { stopped: () => until(() => mine() !== undefined), go: () => mine()?.open() }
    },
  }
}

/** A process whose link the test holds, and one that writes. Time stands, so that neither asks the ledger by itself. */
function twoProcesses(promoteAfter = 1) {
  const clock = fakeClock()
  const server = simulatedServer({ now: clock.now })
  const link = heldLink()
  const start = (tier: Tier) => open({ name: 'shop', clock, tiers: [memory(), { use: tier, promoteAfter }] })
  const here = start(server.connect(link.journey))
  const there = start(server.connect())
  return { here, there, link }
}

const TAGGED = { tags: ['t'], ttl: '1h' } as const

/** A load of `k` that has come to its loader, which returns what `finish` says. */
async function beginLoad(cache: ReturnType<typeof open>): Promise<{ readonly value: Promise<number>; finish(value: number): void }> {
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
    const flight = here.getOrSet('k', () => 0, TAGGED)
    await read.stopped()
    expect(await here.get('k')).toBe(17)
    await there.set('k', 18, TAGGED)
    read.go()
    expect(await flight).toBe(18)
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

  it('by what other reads had promoted, when the newer answer is not to be promoted yet', async () => {
    const { here, there, link } = twoProcesses(2)
    await there.set('k', 17, TAGGED)
    await here.get('other')
    const read = link.hold('> read')
    const flight = here.getOrSet('k', () => 0, TAGGED)
    await read.stopped()
    expect([await here.get('k'), await here.get('k')]).toEqual([17, 17])
    await there.set('k', 18, TAGGED)
    read.go()
    expect(await flight).toBe(18)
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

  it('and two reads that bring the same leave it in memory', async () => {
    const { here, there } = twoProcesses()
    await there.set('k', { at: [17] }, TAGGED)
    await here.get('other')
    expect(await Promise.all([here.get('k'), here.get('k')])).toEqual([{ at: [17] }, { at: [17] }])
    expect(here.peek('k')).toEqual({ at: [17] })
  })
})
