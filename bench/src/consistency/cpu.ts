// Client CPU of reads that Redis answers, and of sets there, over bare ioredis and JSON in the same rounds.
import type { Contender, ContenderOptions } from './contender.ts'
import type { CpuArgs } from './cpu-task.ts'
import { type Cell, type Field, median, memberAt, NOT_OFFERED, sized, withMembers } from './field.ts'

export const CPU_ROWS = {
  get: 'CPU of a miss served by Redis, over bare GET + JSON.parse',
  getMany: 'CPU of 100 keys at once from Redis, over bare MGET + JSON.parse',
  setMany: 'CPU of a set of 100 keys, over JSON.stringify + pipelined SET',
} as const

const BARE = 'bare ioredis'
const OURS = 'millpond'

export async function measureCpu(field: Field, contender: Contender): Promise<readonly Cell[]> {
  const rounds = sized(field, 1, 3, 3)
  const cells: Cell[] = []
  for (const what of ['get', 'getMany', 'setMany'] as const) {
    if (what === 'setMany' && contender.name === 'bentocache') {
      cells.push({ row: CPU_ROWS[what], text: NOT_OFFERED })
      continue
    }
    const ways: Way[] = [{ format: undefined, suffix: '', ratios: [], us: [] }]
    if (contender.name === OURS) ways.push({ format: 'packed', suffix: `; values packed`, ratios: [], us: [] })
    for (let round = 0; round < rounds; round++) {
      const bare = await once(field, BARE, what)
      for (const { format, ratios, us } of ways) {
        const own = await once(field, contender.name, what, format)
        us.push(own)
        ratios.push(own / bare)
      }
    }
    for (const { suffix, ratios, us } of ways) {
      const low = Math.min(...ratios)
      const high = Math.max(...ratios)
      const text = `${median(ratios).toFixed(2)}x (${median(us).toFixed(0)} us)`
      cells.push({
        row: `${CPU_ROWS[what]}${suffix}`,
        text,
        figures: { ratio: median(ratios), low, high, us: median(us) },
      })
    }
  }
  return cells
}

/** How values are written, and what that cost. */
interface Way {
  readonly format: ContenderOptions['format'] | undefined
  readonly suffix: string
  readonly ratios: number[]
  readonly us: number[]
}

function once(field: Field, name: string, what: CpuArgs['what'], format?: ContenderOptions['format']): Promise<number> {
  const reads = what === 'get' ? sized(field, 2000, 20_000, 40_000) : sized(field, 2000, 700, 1500)
  const args: CpuArgs = { what, keys: sized(field, 1000, 5000, 5000), reads, atOnce: what === 'get' ? 64 : 4 }
  const options = { maxEntries: 100, ...(format === undefined ? {} : { format }) }
  return withMembers(field, name, 1, options, (members) => memberAt(members, 0).run('cpuPerRead', args))
}
