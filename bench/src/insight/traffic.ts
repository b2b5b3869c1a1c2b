// Traces as the insight bench plays them: keys by number, times, sizes where they are known, sessions.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { hashOf } from '../hit-ratio/simulate.ts'

export interface Traffic {
  readonly name: string
  /** A key per request, numbered from 0 in the order of first appearance. */
  readonly keys: Uint32Array
  readonly hashes: Int32Array
  /** Milliseconds; where the trace tells none, one a request. */
  readonly times: Float64Array
  readonly isTimed: boolean
  readonly sizes: Uint32Array | undefined
  /** A number for each session; undefined where the trace tells none. */
  readonly sessions: Uint32Array | undefined
  readonly unique: number
  /** The name of each key, as the trace writes it. */
  readonly names: readonly string[]
  /**
   * Each key that comes for the first time has the number after the one that came before it: the numbers say in which
   * order, not where.
   */
  readonly isRenumbered: boolean
}

/**
 * The traces below a folder, or the one of a file: `NAME.gz` (`key` or `key size seconds`), `NAME.tsv.gz` (`time_ms key
 * size session op`).
 */
export function trafficFiles(path: string): { readonly name: string; readonly read: () => Traffic }[] {
  return filesBelow(path)
    .filter((file) => file.endsWith('.gz'))
    .sort()
    .map((file) => {
      const name = (file.split('/').at(-1) ?? file).replace(/(\.tsv)?\.gz$/, file.endsWith('.tsv.gz') ? ' (timed)' : '')
      const isTimed = file.endsWith('.tsv.gz')
      return { name, read: () => parseTraffic(name, gunzipSync(readFileSync(file)).toString('latin1'), isTimed) }
    })
}

const filesBelow = (path: string): string[] =>
  statSync(path).isDirectory() ? readdirSync(path).flatMap((name) => filesBelow(join(path, name))) : [path]

/** `isTimed`: the lines of a `.tsv`. */
export function parseTraffic(name: string, text: string, isTimed: boolean): Traffic {
  const ids = numbering()
  const users = numbering()
  const columns = { keys: [] as number[], sizes: [] as number[], times: [] as number[], sessions: [] as number[] }
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/\s+/)
    if (fields[0] === undefined || fields[0] === '') continue
    const [time, key, size, session] = isTimed ? fields : [fields[2], fields[0], fields[1], undefined]
    if (key === undefined) continue
    columns.keys.push(ids.of(key))
    if (time !== undefined) columns.times.push(Number(time) * (isTimed ? 1 : 1000))
    if (size !== undefined) columns.sizes.push(Number(size) || 1)
    if (session !== undefined && session !== '-') columns.sessions.push(users.of(session))
  }
  const count = columns.keys.length
  const told = <T>(column: readonly T[]): boolean => column.length === count && count > 0
  const first = columns.times[0] ?? 0
  const hasTimes = told(columns.times)
  return {
    name,
    keys: Uint32Array.from(columns.keys),
    hashes: Int32Array.from(columns.keys, (key) => hashOf(key ^ SEED)),
    times: Float64Array.from({ length: count }, (_, at) => (hasTimes ? (columns.times[at] ?? 0) - first : at)),
    isTimed: hasTimes,
    sizes: told(columns.sizes) ? Uint32Array.from(columns.sizes) : undefined,
    sessions: told(columns.sessions) ? Uint32Array.from(columns.sessions) : undefined,
    unique: ids.names().length,
    names: ids.names(),
    isRenumbered: isRenumbered(ids.names()),
  }
}

const SEED = 0x9e3779b9

function numbering(): { readonly of: (name: string) => number; readonly names: () => readonly string[] } {
  const known = new Map<string, number>()
  return {
    of(name) {
      const before = known.get(name)
      if (before !== undefined) return before
      known.set(name, known.size)
      return known.size - 1
    },
    names: () => [...known.keys()],
  }
}

/** Of nearly all keys: digits that were counted on from key to key. */
function isRenumbered(names: readonly string[]): boolean {
  const numbers = names.map((name) => Number(name.replace(/^\D+/, '')))
  const counted = numbers.filter((number, at) => at > 0 && number === (numbers[at - 1] ?? 0) + 1).length
  return names.length > 1 && counted >= 0.9 * (names.length - 1)
}
