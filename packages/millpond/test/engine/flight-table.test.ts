// The table of flights does what a Map does.
import { expect, it } from 'vitest'
import { Flight } from '../../src/engine/flight.ts'
import { FlightTable } from '../../src/engine/flight-table.ts'
import fc from '../properties.ts'

const START = {
  asOf: { epoch: 'e', seq: 0 },
  startedAt: 0,
  startedWall: 0,
  tags: [],
  hardMs: 1000,
  isBackground: false,
}
const flightOf = (key: string): Flight => new Flight({ abroad: undefined }, key, { cause: 'cold' }, START)

it('finds what is under way, whatever ended before and however often the map was made anew', () => {
  // Three of four end what is under way: of so many keys most have ended, which is when the map is made anew.
  const step = fc.record({ key: fc.nat(400), ends: fc.constantFrom(true, true, true, false) })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1500, maxLength: 3000 }), (steps) => {
      const table = new FlightTable()
      const model = new Map<string, Flight>()
      const former: Flight[] = []
      for (const { key, ends } of steps) {
        const name = `k${key}`
        const known = model.get(name)
        if (ends && known !== undefined) {
          table.delete(known)
          table.delete(known)
          model.delete(name)
        } else if (!ends) {
          const flight = flightOf(name)
          table.set(flight)
          model.set(name, flight)
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
  const table = new FlightTable()
  let asked = 0
  for (let at = 0; at < 1000; at++) {
    const flight = flightOf(`k${at}`)
    let isListed = false
    Object.defineProperty(flight, 'isListed', {
      get() {
        asked++
        return isListed
      },
      set(now: boolean) {
        isListed = now
      },
    })
    table.set(flight)
    table.delete(flight)
  }
  asked = 0
  expect([...table]).toEqual([])
  expect(asked).toBeLessThan(200)
})
