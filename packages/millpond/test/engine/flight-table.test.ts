// The table of flights does what a Map does.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Flight } from '../../src/engine/flight.ts'
import { FlightTable } from '../../src/engine/flight-table.ts'

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
  const step = fc.record({ key: fc.nat(400), ends: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1500, size: 'max' }), (steps) => {
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
        } else {
          const flight = flightOf(name)
          table.set(flight)
          model.set(name, flight)
          if (known !== undefined) former.push(known)
        }
        for (const replaced of former.splice(0)) table.delete(replaced)
        expect(table.get(name)).toBe(model.get(name))
      }
      expect(new Set(table)).toEqual(new Set(model.values()))
      for (let key = 0; key <= 400; key++) expect(table.get(`k${key}`)).toBe(model.get(`k${key}`))
    }),
    { numRuns: 30, seed: 20_261_126 },
  )
})
