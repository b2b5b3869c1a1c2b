// The regression gate: our cost over lru-cache, now and when the baseline was saved. Machines differ; ratios within one run differ little.
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { measureInTurn } from './children.ts'
import type { Spread } from './numbers.ts'
import type { Results } from './results.ts'
import { ROWS } from './rows.ts'
import { printTable } from './table.ts'

export interface Baseline {
  readonly node: string
  readonly savedAt: string
  readonly ratios: readonly { readonly size: string; readonly name: string; readonly row: string; readonly ratio: Spread }[]
}

const FILE = fileURLToPath(new URL('../baseline.json', import.meta.url))
const OURS = ['millpond', 'millpond store']
const OVER = 'lru-cache'
const PLAN = { sizes: [1_000, 100_000], rounds: 7, rows: ROWS, names: [...OURS, OVER], awaited: [], isolated: [], bytesAt: 0 }
/** A loss must be this large beside being outside both spreads. */
const TOLERANCE = 1.15

/** `true` when nothing got really slower. */
export async function gate(progress: (line: string) => void): Promise<boolean> {
  const baseline: Baseline = JSON.parse(await readFile(FILE, 'utf8'))
  const results = await measureInTurn(PLAN, progress)
  const lines = compare(baseline.ratios, results)
  printTable([
    ['ours over lru-cache', 'baseline', 'now', ''],
    ...lines.map(({ label, before, now, isLoss }) => [label, shown(before), shown(now), isLoss ? 'LOSS' : '']),
  ])
  const losses = lines.filter(({ isLoss }) => isLoss)
  console.log(losses.length === 0 ? '\nno loss' : `\n${losses.length} real losses against the baseline of ${baseline.savedAt}`)
  return losses.length === 0
}

export async function saveBaseline(progress: (line: string) => void): Promise<void> {
  const results = await measureInTurn(PLAN, progress)
  const baseline: Baseline = { node: process.version, savedAt: new Date().toISOString().slice(0, 10), ratios: ratiosOf(results) }
  await writeFile(FILE, `${JSON.stringify(baseline, null, 2)}\n`)
  progress(`wrote ${FILE}`)
}

function ratiosOf(results: Results): Baseline['ratios'] {
  return PLAN.sizes.flatMap((size) =>
    OURS.flatMap((name) =>
      ROWS.flatMap((row) => {
        const ratio = results.ratio(`${size}`, name, row, OVER)
        return ratio === undefined ? [] : [{ size: `${size}`, name, row, ratio }]
      }),
    ),
  )
}

export interface Comparison {
  readonly label: string
  readonly before: Spread
  readonly now: Spread
  readonly isLoss: boolean
}

export function compare(baseline: Baseline['ratios'], results: Pick<Results, 'ratio'>): Comparison[] {
  return baseline.flatMap(({ size, name, row, ratio: before }) => {
    const now = results.ratio(size, name, row, OVER)
    return now === undefined ? [] : [{ label: `${name}, ${size}: ${row}`, before, now, isLoss: isLoss(before, now) }]
  })
}

/** Slower in the median by more than the tolerance, and even its better quarter slower than the baseline's worse one. */
export function isLoss(before: Spread, now: Spread): boolean {
  return now.median > before.median * TOLERANCE && now.low > before.high
}

function shown({ median, low, high }: Spread): string {
  return `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`
}
