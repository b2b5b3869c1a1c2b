// Client CPU of reads that Redis answers, over bare ioredis and JSON in the same rounds.
import type { Contender } from './contender.ts'
import type { CpuArgs } from './cpu-task.ts'
import { type Cell, type Field, median, memberAt, sized, withMembers } from './field.ts'

export const CPU_ROWS = {
  get: 'CPU of a miss served by Redis, over bare GET + JSON.parse',
  getMany: 'CPU of 100 keys at once from Redis, over bare MGET + JSON.parse',
} as const

const BARE = 'bare ioredis'

export async function measureCpu(field: Field, contender: Contender): Promise<readonly Cell[]> {
  const rounds = sized(field, 1, 3, 3)
  const cells: Cell[] = []
  for (const what of ['get', 'getMany'] as const) {
    const ratios: number[] = []
    const us: number[] = []
    for (let round = 0; round < rounds; round++) {
      const bare = await once(field, BARE, what)
      const own = await once(field, contender.name, what)
      us.push(own)
      ratios.push(own / bare)
    }
    const low = Math.min(...ratios)
    const high = Math.max(...ratios)
    const text = `${median(ratios).toFixed(2)}x (${median(us).toFixed(0)} us)`
    cells.push({ row: CPU_ROWS[what], text, figures: { ratio: median(ratios), low, high, us: median(us) } })
  }
  return cells
}

function once(field: Field, name: string, what: CpuArgs['what']): Promise<number> {
  const reads = what === 'get' ? sized(field, 2000, 20_000, 40_000) : sized(field, 2000, 700, 1500)
  const args: CpuArgs = { what, keys: sized(field, 1000, 5000, 5000), reads, atOnce: what === 'get' ? 64 : 4 }
  return withMembers(field, name, 1, { maxEntries: 100 }, (members) => memberAt(members, 0).run('cpuPerRead', args))
}
