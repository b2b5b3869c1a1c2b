// How many loads many calls are: of one cold key at one instant, and of a hot key that expires each second.
import type { Contender } from './contender.ts'
import { type Cell, type Field, median, sized, withMembers } from './field.ts'

export const LOAD_ROWS = {
  cold: '200 calls of a cold key at once, 4 processes: loads (median, most of 10)',
  hot: 'hot key, TTL 1 s, 6 s, 4 processes: loads',
} as const

const PROCESSES = 4
const CALLS = 200
const HEAD_START_MS = 150

export async function measureLoads(field: Field, contender: Contender): Promise<readonly Cell[]> {
  return withMembers(field, contender.name, PROCESSES, {}, async (members) => {
    const rounds: number[] = []
    for (let round = 0; round < sized(field, 2, 10, 10); round++) {
      const at = Date.now() + HEAD_START_MS
      const args = { key: `cold:${round}`, calls: CALLS / PROCESSES, at, loadMs: 100 }
      const loads = await Promise.all(members.map((member) => member.run('coldCalls', args)))
      rounds.push(sum(loads))
    }
    const forMs = sized(field, 2000, 6000, 6000)
    const hotArgs = { key: 'hot', ttlMs: 1000, forMs, at: Date.now() + HEAD_START_MS, loadMs: 20 }
    const hot = sum(await Promise.all(members.map((member) => member.run('hotCalls', hotArgs))))
    const most = Math.max(...rounds)
    return [
      { row: LOAD_ROWS.cold, text: `${median(rounds)}, ${most}`, figures: { rounds } },
      { row: LOAD_ROWS.hot, text: String(hot), figures: { loads: hot, forMs } },
    ]
  })
}

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0)
}
