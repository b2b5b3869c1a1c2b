// Whether each known policy is the one its name says: its hit ratios beside those that another implementation of it
// reached on the same cells.
import { type Cell, measure, POLICIES } from './measure.ts'
import type { Trace } from './trace.ts'

type Known = Exclude<(typeof POLICIES)[number], 'adaptive'>

interface Reference {
  readonly trace: string
  readonly entries: number
  readonly ratios: Readonly<Record<Known, number>>
}

/** Hits in percent, rounded to a tenth, as implementations outside this project reached them on public traces. */
export const REFERENCES: readonly Reference[] = [
  { trace: 'oltp', entries: 1000, ratios: { lru: 32.8, sieve: 32.6, 's3-fifo': 40.9, 'w-tinylfu': 40.2 } },
  { trace: 'orm-night', entries: 865, ratios: { lru: 66.2, sieve: 61.8, 's3-fifo': 64.7, 'w-tinylfu': 65.0 } },
  { trace: 'web07', entries: 2048, ratios: { lru: 55.7, sieve: 57.9, 's3-fifo': 58.1, 'w-tinylfu': 54.8 } },
  { trace: 'scarab-recs', entries: 12_918, ratios: { lru: 51.7, sieve: 53.9, 's3-fifo': 55.9, 'w-tinylfu': 54.8 } },
  { trace: 'p3', entries: 76_254, ratios: { lru: 16.8, sieve: 24.8, 's3-fifo': 33.9, 'w-tinylfu': 33.6 } },
  { trace: 'loop', entries: 512, ratios: { lru: 0, sieve: 0, 's3-fifo': 0, 'w-tinylfu': 49.2 } },
]

/** An algorithm without choices is the same everywhere, but for a random seed and rounding. */
const POINTS = 0.5

export interface Judgement {
  readonly policy: Known
  /** Mean over the cells. */
  readonly own: number
  readonly reference: number
  /** What is wrong, a sentence each; none when the policy holds its column. */
  readonly complaints: readonly string[]
}

/**
 * The cells of the references, and which traces for them are not at hand: a column that is not complete proves nothing.
 */
export function measureReferences(files: readonly { readonly name: string; readonly read: () => Trace }[]): {
  readonly cells: readonly Cell[]
  readonly missing: readonly string[]
} {
  const found = REFERENCES.map(({ trace, entries }) => ({
    trace,
    entries,
    file: files.find(({ name }) => name === trace),
  }))
  const missing = found.filter(({ file }) => file === undefined).map(({ trace }) => trace)
  const cells =
    missing.length > 0
      ? []
      : found.flatMap(({ file, entries }) => (file === undefined ? [] : [measure(file.read(), entries)]))
  return { cells, missing }
}

/**
 * W-TinyLFU leaves its climber open, so it is held to the mean alone and may be better; the others are held to every
 * cell.
 */
export function judgeColumns(cells: readonly Pick<Cell, 'ratios'>[]): Judgement[] {
  return POLICIES.filter((policy) => policy !== 'adaptive').map((policy) => {
    const pairs = REFERENCES.map(({ trace, entries, ratios }, at) => ({
      cell: `${trace} @ ${entries}`,
      own: cells[at]?.ratios[policy] ?? Number.NaN,
      reference: ratios[policy],
    }))
    const own = pairs.reduce((sum, pair) => sum + pair.own, 0) / pairs.length
    const reference = pairs.reduce((sum, pair) => sum + pair.reference, 0) / pairs.length
    const apart = pairs.filter((pair) => !(Math.abs(pair.own - pair.reference) <= POINTS))
    const isBelow = !(own >= reference)
    const complaints =
      policy === 'w-tinylfu'
        ? [`the mean is ${(reference - own).toFixed(1)} points below`].filter(() => isBelow)
        : apart.map((pair) => `${pair.cell}: ${pair.own.toFixed(1)}, not ${pair.reference.toFixed(1)}`)
    return { policy, own, reference, complaints }
  })
}
