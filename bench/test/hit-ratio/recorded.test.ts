// The policies on recorded traffic, where it is at hand: in the folder that MILLPOND_TRACES names, or beside the
// project.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { policyByName } from 'millpond/memory'
import { describe, expect, it } from 'vitest'
import { type Cell, mean, measure, POLICIES, worstAgainstLru } from '../../src/hit-ratio/measure.ts'
import { playSized, uniqueBytes } from '../../src/hit-ratio/sized.ts'
import { traceFiles } from '../../src/hit-ratio/trace.ts'

const folder =
  process.env.MILLPOND_TRACES ?? fileURLToPath(new URL('../../../../shared/traces/hit-ratio', import.meta.url))
const isThere = existsSync(folder)
/** The others take half a minute; `npm run bench:hit-ratio` has them all. */
const QUICK = new Set(['adaptsize-request', 'cloudphysics-io', 'loop', 'multi2', 'sprite', 'twolf', 'web07'])
const PARTS = [0.005, 0.01, 0.02, 0.05, 0.1]

describe(`hit ratios on recorded traffic (${isThere ? 'with traces' : 'left out: no folder of traces, set MILLPOND_TRACES'})`, () => {
  it.runIf(isThere)(
    'the adaptive policy is ahead in the mean and never a point below LRU',
    { timeout: 120_000 },
    () => {
      const files = traceFiles(folder)
      const chosen = files.filter(({ name }) => QUICK.has(name))
      const cells: Cell[] = (chosen.length > 0 ? chosen : files).flatMap((file) => {
        const trace = file.read()
        return PARTS.map((part) => measure(trace, Math.max(1, Math.round(trace.unique * part)), part))
      })
      console.log(`hit ratios measured on ${[...new Set(cells.map((cell) => cell.trace))].join(', ')}`)
      for (const other of POLICIES)
        if (other !== 'adaptive') expect(mean(cells, 'adaptive')).toBeGreaterThan(mean(cells, other))
      const { points, cell } = worstAgainstLru(cells, 'adaptive')
      expect(points, `${cell?.trace} @ ${cell?.entries}`).toBeGreaterThan(-1)
    },
  )

  it.runIf(isThere)(
    'with sizes and a budget of bytes, the adaptive policy hits more often than each other one in the mean',
    { timeout: 60_000 },
    () => {
      const traces = traceFiles(folder)
        .filter(({ name }) => QUICK.has(name))
        .map((file) => file.read())
        .filter((trace) => trace.sizes !== undefined)
      expect(traces.length).toBeGreaterThan(0)
      const means = POLICIES.map((name) => {
        const hits = traces.flatMap((trace) =>
          PARTS.map((part) => playSized(policyByName(name), trace, uniqueBytes(trace) * part).hits),
        )
        return [name, hits.reduce((sum, one) => sum + one, 0) / hits.length] as const
      })
      const own = means.find(([name]) => name === 'adaptive')?.[1] ?? 0
      for (const [name, hits] of means) if (name !== 'adaptive') expect(own, name).toBeGreaterThan(hits)
    },
  )
})
