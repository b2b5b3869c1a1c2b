// `npm run bench -- --rows tiers`: what a tier costs beside its bare client, in CPU time of this process, in turn, as
// ratios.
import { printTable } from '../table.ts'
import type { Comparison } from './comparison.ts'
import { COMPARISONS } from './comparisons.ts'

const KEYS = 1000
const BODY = Buffer.alloc(1024, 'x')
const BATCHES = [1, 100] as const
/** CPU microseconds of one measurement. */
const LONG_ENOUGH = 60_000
/**
 * Those before the first: some thousand calls, so that the compiler is done with both ways, also with the longer one.
 */
const WARM_UP = 600_000

interface Way {
  read(keys: readonly string[]): Promise<number>
  write(keys: readonly string[]): Promise<unknown>
}

export const TIERS = Object.keys(COMPARISONS)

/** One line a tier, verb and batch: medians of the rounds. */
export async function benchTiers(
  rounds: number,
  progress: (line: string) => void,
  only: readonly string[] = TIERS,
): Promise<void> {
  const lines: string[][] = [['tier, verb, keys', 'beside', 'bare us', 'ours us', 'ratio', 'half spread']]
  for (const [name, open] of Object.entries(COMPARISONS)) {
    if (!only.includes(name)) continue
    progress(name)
    const comparison = await open()
    try {
      lines.push(...(await compare(comparison, rounds)))
    } finally {
      await comparison.close()
    }
  }
  printTable(lines)
}

async function compare({ name, tier, bareName, bare }: Comparison, rounds: number): Promise<string[][]> {
  const keys = Array.from({ length: KEYS }, (_, at) => `shop:default:user:${1_000_000 + at}`)
  const expiresAt = Date.now() + 3_600_000
  const asOf = { epoch: 'e0123456789abcdef', seq: 7 }
  const ours: Way = {
    read: async (some) => (await tier.read(some)).reduce((sum, one) => (one === undefined ? sum : sum + 1), 0),
    write: (some) => Promise.resolve(tier.write(some.map((key) => ({ key, body: BODY, expiresAt, asOf })))),
  }
  const theirs: Way = { read: (some) => bare.read(some), write: (some) => bare.write(some, BODY) }
  for (const way of [ours, theirs]) for (const some of cut(keys, 100)) await way.write(some)
  const lines: string[][] = []
  for (const verb of ['read', 'write'] as const)
    for (const size of BATCHES) {
      const batches = cut(keys, size)
      const pairs: { ours: number; bare: number }[] = []
      for (const way of [theirs, ours]) await cpuOf(way, verb, batches, WARM_UP)
      for (let round = 0; round < rounds; round++) {
        const bareUs = await cpuOf(theirs, verb, batches)
        const oursUs = await cpuOf(ours, verb, batches)
        pairs.push({ ours: oursUs, bare: bareUs })
      }
      const ratios = pairs.map((pair) => pair.ours / pair.bare).sort((a, b) => a - b)
      const at = (share: number): number => ratios[Math.floor((ratios.length - 1) * share)] ?? Number.NaN
      const middle = (figures: number[]): string =>
        (figures.sort((a, b) => a - b)[figures.length >> 1] ?? Number.NaN).toFixed(1)
      const bareUs = middle(pairs.map((pair) => pair.bare))
      const oursUs = middle(pairs.map((pair) => pair.ours))
      lines.push([
        `${name}, ${verb}, ${size}`,
        bareName,
        bareUs,
        oursUs,
        at(0.5).toFixed(2),
        ((at(0.75) - at(0.25)) / 2).toFixed(2),
      ])
    }
  return lines
}

/** CPU microseconds of one call, until enough of them are spent. Throws where something was not there. */
async function cpuOf(
  way: Way,
  verb: 'read' | 'write',
  batches: readonly (readonly string[])[],
  longEnough = LONG_ENOUGH,
): Promise<number> {
  const before = process.cpuUsage()
  let calls = 0
  let spent = 0
  while (spent < longEnough) {
    for (const batch of batches.slice(0, 100)) {
      const found = await (verb === 'read' ? way.read(batch) : way.write(batch))
      if (verb === 'read' && found !== batch.length) throw new Error(`${found} of ${batch.length} keys were there`)
      calls++
    }
    const { user, system } = process.cpuUsage(before)
    spent = user + system
  }
  return spent / calls
}

function cut<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, at) => list.slice(at * size, (at + 1) * size))
}
