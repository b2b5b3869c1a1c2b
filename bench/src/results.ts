// What was measured: nanoseconds per library, workload and round; and the ratios within each round.
import type { BytesAnswer } from './bytes.ts'
import { type Spread, spread } from './numbers.ts'

export class Results {
  /** group (size, `awaited` or `isolated`) -> library -> row -> round -> ns. */
  readonly #ns = new Map<string, Map<string, Map<string, number[]>>>()
  readonly bytes: BytesAnswer[] = []

  add(round: number, group: string, name: string, row: string, ns: number): void {
    const rows = child(child(this.#ns, group), name)
    const rounds = rows.get(row) ?? []
    rounds[round] = ns
    rows.set(row, rounds)
  }

  names(group: string): string[] {
    return [...(this.#ns.get(group)?.keys() ?? [])]
  }

  ns(group: string, name: string, row: string): Spread | undefined {
    const rounds = this.#rounds(group, name, row)
    return rounds.length === 0 ? undefined : spread(rounds)
  }

  /** The cost relative to another library's, round by round, so that what slows both equally cancels out. */
  ratio(group: string, name: string, row: string, over: string): Spread | undefined {
    const ratios = this.ratios(group, name, row, over)
    return ratios.length === 0 ? undefined : spread(ratios)
  }

  ratios(group: string, name: string, row: string, over: string): number[] {
    const own = this.#rounds(group, name, row)
    const other = this.#rounds(group, over, row)
    return own.map((ns, round) => ns / (other[round] ?? Number.NaN)).filter((ratio) => Number.isFinite(ratio))
  }

  #rounds(group: string, name: string, row: string): readonly number[] {
    return this.#ns.get(group)?.get(name)?.get(row) ?? []
  }

  toJSON(): { figures: { group: string; name: string; row: string; ns: Spread }[]; bytes: readonly BytesAnswer[] } {
    const figures = [...this.#ns].flatMap(([group, names]) =>
      [...names].flatMap(([name, rows]) =>
        [...rows].map(([row, rounds]) => ({ group, name, row, ns: spread(rounds) })),
      ),
    )
    return { figures, bytes: this.bytes }
  }
}

function child<V>(map: Map<string, Map<string, V>>, key: string): Map<string, V> {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = new Map<string, V>()
  map.set(key, made)
  return made
}

/** A table of one group: a row per library, the cheapest first by the mean of its ratios. */
export function ratioTable(results: Results, group: string, rows: readonly string[], over: string): string[][] {
  const names = results.names(group)
  const used = rows.filter((row) => names.some((name) => results.ns(group, name, row) !== undefined))
  const lines = names.map((name) => {
    const ratios = used.map((row) => results.ratio(group, name, row, over))
    const known = ratios.filter((ratio) => ratio !== undefined)
    const mean = known.reduce((sum, ratio) => sum + Math.log(ratio.median), 0) / Math.max(1, known.length)
    return { name, mean, cells: used.map((row, i) => cell(ratios[i], results.ns(group, name, row))) }
  })
  lines.sort((a, b) => a.mean - b.mean)
  return [['library', ...used], ...lines.map(({ name, cells }) => [name, ...cells])]
}

function cell(ratio: Spread | undefined, ns: Spread | undefined): string {
  if (ns === undefined) return ''
  if (ratio === undefined) return `${ns.median.toFixed(0)} ns`
  return `${ratio.median.toFixed(2)} ±${((ratio.high - ratio.low) / 2).toFixed(2)} (${ns.median.toFixed(0)})`
}
