// The short form of `npm run bench:ring -- --regions FILE`: few regions, the same code, the same bounds.
import { expect, test } from 'vitest'
import { drawRegions } from '../src/regions-drawing.ts'
import { judged, simulateRegions } from '../src/regions-fleet.ts'

test('simulated regions keep their lag while one is cut off, and move no more than they must', async () => {
  const plan = { regions: 3, nodes: 3, keys: 100, cut: 6, heal: 12, join: 14, end: 16 }
  const fleet = await simulateRegions(plan)
  expect(judged(fleet)).toMatchObject({ isKept: true })
  // Twenty a second in each region, all answered.
  expect(fleet.reads).toBe(20 * plan.regions * plan.end)
  expect(Math.max(...fleet.samples.map(({ cutLag }) => cutLag))).toBeGreaterThan(4000)
  expect(drawRegions(fleet, plan)).toContain('</svg>')
})
