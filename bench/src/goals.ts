// The goals for the memory tier, with the measured values.
import type { Results } from './results.ts'

const SIZES = ['1000', '100000', '1000000']

/** Name, goal, measured value, and whether it is met. */
export function goalLines(results: Results): string[][] {
  const lines: string[][] = []
  for (const name of ['millpond', 'millpond store']) {
    for (const size of SIZES) {
      if (!results.names(size).includes(name)) continue
      const label = `${name}, ${Number(size).toLocaleString('en')}`
      faster(
        lines,
        `${label}: hit, fresh key, over lru-cache`,
        size === '1000000' ? 1.3 : 1.5,
        inverse(results, size, name, 'hit fresh'),
      )
      faster(lines, `${label}: hit, prebuilt key, over lru-cache`, 1, inverse(results, size, name, 'hit prebuilt'))
      atMost(
        lines,
        `${label}: hit, prebuilt key, over the Map floor`,
        1.7,
        results.ratio(size, name, 'hit prebuilt', 'Map (floor)')?.median,
      )
      faster(
        lines,
        `${label}: hit with TTL, fresh key, over lru-cache`,
        1.4,
        inverse(results, size, name, 'hit fresh, TTL'),
      )
      for (const row of ['set + evict', 'set + evict after reads'])
        faster(lines, `${label}: ${row}, over lru-cache`, 1.2, inverse(results, size, name, row))
    }
  }
  const bytes = results.bytes.find(({ name }) => name === 'millpond store')
  atMost(lines, 'bytes an entry without TTL', 42, bytes?.plain)
  atMost(lines, 'bytes an entry with TTL', 46, bytes?.ttl)
  const awaited = 'getOrSet hit prebuilt'
  atMost(lines, 'awaited getOrSet hit, ns', 150, results.ns('awaited', 'millpond', awaited)?.median)
  for (const [contender, times] of [
    ['cache-manager wrap', 4],
    ['cacheable getOrSet', 20],
    ['bentocache getOrSet', 25],
  ] as const) {
    const ratio = results.ratio('awaited', contender, awaited, 'millpond')?.median
    faster(lines, `awaited getOrSet hit, over ${contender}`, times, ratio)
  }
  return lines
}

function inverse(results: Results, size: string, name: string, row: string): number | undefined {
  return results.ratio(size, 'lru-cache', row, name)?.median
}

function faster(lines: string[][], goal: string, wanted: number, measured: number | undefined): void {
  if (measured !== undefined)
    lines.push([goal, `${wanted}x faster`, `${measured.toFixed(2)}x`, measured >= wanted ? 'met' : 'missed'])
}

function atMost(lines: string[][], goal: string, wanted: number, measured: number | undefined): void {
  if (measured !== undefined)
    lines.push([
      goal,
      `at most ${wanted}`,
      measured.toFixed(measured < 10 ? 2 : 1),
      measured <= wanted ? 'met' : 'missed',
    ])
}
