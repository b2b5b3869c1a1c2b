// G11: a load that began before the ledger had ever answered is not doubled when it does.
import { describe, expect, it } from 'vitest'
import { twoProcesses } from './held-link.ts'
import { closeAfterEach, gate, until } from './setups.ts'

describe('the first contact with the ledger', () => {
  closeAfterEach()

  it('G11: who comes after it waits for a load that began before, and loads then', async () => {
    const { here, link, clock } = twoProcesses()
    const pull = link.hold('> pull')
    const source = gate<number>()
    let running = 0
    let most = 0
    const load = async (): Promise<number> => {
      most = Math.max(most, ++running)
      const value = await source.promise
      running--
      return value
    }
    const first = here.getOrSet('k', load)
    await pull.stopped()
    await clock.run(400)
    await until(() => running === 1)
    await here.delete('other')
    const second = here.getOrSet('k', load)
    await new Promise((resolve) => setImmediate(resolve)) // all it does without waiting for the first
    source.open(17)
    expect(await Promise.all([first, second])).toEqual([17, 17])
    expect(most).toBe(1)
  })
})
