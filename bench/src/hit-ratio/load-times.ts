// What the adaptive policy makes of load times: it is told how long each load took, as the engine tells it.
//
// Two kinds of times, drawn anew for each trace: noise, where every load of every key is one draw, so that there is
// nothing to be learnt; and times of the keys' own, each load within some 30 % of it, where the load time that hits
// save is what counts.
import { policyByName } from 'millpond/memory'
import { randomFrom } from '../numbers.ts'
import { hitRatio, type Play } from './simulate.ts'
import type { Trace, traceFiles } from './trace.ts'

const USUAL_MS = 10
/** Standard deviations of the times' logarithms. */
const NOISE = [0.5, 1]
const OWN = [0.7, 1.5]
const WITHIN_KEY = 0.3
const SEED = 777
const lru = policyByName('lru')
const adaptive = policyByName('adaptive')

/** The lines of a table: means over all traces and sizes, in percent. */
export function measureLoadTimes(files: ReturnType<typeof traceFiles>, percents: readonly number[]): string[][] {
  const sums = new Map<string, number[]>()
  let cells = 0
  for (const file of files) {
    process.stderr.write(`${file.name} ...\n`)
    const trace = file.read()
    for (const percent of percents) {
      cells++
      for (const [label, values] of measureCell(trace, Math.max(1, Math.round((trace.unique * percent) / 100)))) {
        const sum = sums.get(label) ?? values.map(() => 0)
        sums.set(
          label,
          values.map((value, at) => value + (sum[at] ?? 0)),
        )
      }
    }
  }
  const body = [...sums].map(([label, values]) => [label, ...values.map((sum) => (sum / cells).toFixed(1))])
  return [['mean in %', 'lru', 'adaptive, not told', 'adaptive, told'], ...body]
}

function measureCell(trace: Trace, entries: number): [string, [number, number, number]][] {
  const recent = hitRatio(lru, trace, entries)
  const plain = hitRatio(adaptive, trace, entries)
  return [
    ...NOISE.map((sigma): [string, [number, number, number]] => {
      const gauss = gaussFrom(SEED)
      const told = hitRatio(adaptive, trace, entries, { loadTime: () => USUAL_MS * Math.exp(sigma * gauss()) })
      return [`hits, times of pure noise (sigma ${sigma})`, [recent, plain, told]]
    }),
    ...OWN.map((sigma): [string, [number, number, number]] => [
      `load time saved, keys differ (sigma ${sigma})`,
      saved(trace, entries, sigma),
    ]),
  ]
}

function saved(trace: Trace, entries: number, sigma: number): [number, number, number] {
  const gauss = gaussFrom(SEED)
  const own = Float64Array.from({ length: trace.unique }, () => USUAL_MS * Math.exp(sigma * gauss()))
  const whole = trace.keys.reduce((sum, key) => sum + (own[key] ?? 0), 0)
  const part = (factory: typeof lru, told: Pick<Play, 'loadTime'> = {}): number => {
    let sum = 0
    hitRatio(factory, trace, entries, {
      ...told,
      onHit: (key) => {
        sum += own[key] ?? 0
      },
    })
    return (sum / whole) * 100
  }
  return [
    part(lru),
    part(adaptive),
    part(adaptive, { loadTime: (key) => (own[key] ?? 0) * Math.exp(WITHIN_KEY * gauss()) }),
  ]
}

/** Standard normal numbers (Box and Muller). */
function gaussFrom(seed: number): () => number {
  const random = randomFrom(seed)
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
