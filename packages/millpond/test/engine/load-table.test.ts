// The table of loads does what a Map does.
import { expect, it } from 'vitest'
import { Load } from '../../src/engine/load.ts'
import { LoadTable } from '../../src/engine/load-table.ts'
import fc from '../properties.ts'

const START = {
  asOf: { epoch: 'e', seq: 0 },
  startedAt: 0,
  startedWall: 0,
  tags: [],
  hardMs: 1000,
  isBackground: false,
  isAhead: false,
}
const loadOf = (key: string): Load => new Load({ foreign: undefined }, key, { cause: 'cold' }, START)

it('finds what is under way, whatever ended before and however often the map was made anew', () => {
  // Three of four end what is under way: of so many keys most have ended, which is when the map is made anew.
  const step = fc.record({ key: fc.nat(400), ends: fc.constantFrom(true, true, true, false) })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1500, maxLength: 3000 }), (steps) => {
      const table = new LoadTable()
      const model = new Map<string, Load>()
      const former: Load[] = []
      for (const { key, ends } of steps) {
        const name = `k${key}`
        const known = model.get(name)
        if (ends && known !== undefined) {
          table.delete(known)
          table.delete(known)
          model.delete(name)
        } else if (!ends) {
          const load = loadOf(name)
          table.set(load)
          model.set(name, load)
          if (known !== undefined) former.push(known)
        }
        for (const replaced of former.splice(0)) {
          expect(replaced.isListed).toBe(false)
          table.delete(replaced)
        }
        expect(table.get(name)).toBe(model.get(name))
      }
      expect(table.size).toBe(model.size)
      expect(new Set(table)).toEqual(new Set(model.values()))
      for (let key = 0; key <= 400; key++) expect(table.get(`k${key}`)).toBe(model.get(`k${key}`))
    }),
    { numRuns: 30, seed: 20_261_126 },
  )
})

it('lets go of what has ended, once it is much', () => {
  const table = new LoadTable()
  let asked = 0
  for (let at = 0; at < 1000; at++) {
    const load = loadOf(`k${at}`)
    let isListed = false
    Object.defineProperty(load, 'isListed', {
      get() {
        asked++
        return isListed
      },
      set(now: boolean) {
        isListed = now
      },
    })
    table.set(load)
    table.delete(load)
  }
  asked = 0
  expect([...table]).toEqual([])
  expect(asked).toBeLessThan(200)
})
