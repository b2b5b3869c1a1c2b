// What tags cost in memory: in the process and in the server, over the same entries without tags.
import type { Contender } from './contender.ts'
import { type Cell, type Field, median, memberAt, NOT_OFFERED, sized, withMembers } from './field.ts'

export const MEMORY_ROWS = {
  process: 'entries of 2 KB with three tags of 20 bytes over the same without: process',
  server: 'the same: Redis',
} as const

export async function measureMemory(field: Field, contender: Contender): Promise<readonly Cell[]> {
  if (!contender.hasTags) return Object.values(MEMORY_ROWS).map((row) => ({ row, text: NOT_OFFERED }))
  const count = sized(field, 1000, 20_000, 20_000)
  const rounds = sized(field, 1, 1, 2)
  const taken = {
    plain: { process: [] as number[], server: [] as number[] },
    tagged: { process: [] as number[], server: [] as number[] },
  }
  for (let round = 0; round < rounds; round++) {
    for (const kind of ['plain', 'tagged'] as const) {
      const options = { tags: kind === 'tagged', maxEntries: count * 2, exposeGc: true, ttlMs: 3_600_000 }
      await withMembers(field, contender.name, 1, options, async (members) => {
        const before = await field.redis.usedMemory()
        const bytes = await memberAt(members, 0).run('bytesOfEntries', {
          count,
          tagsPerEntry: kind === 'tagged' ? 3 : 0,
        })
        taken[kind].process.push(bytes / count)
        taken[kind].server.push(((await field.redis.usedMemory()) - before) / (count * 1.05))
      })
    }
  }
  return (['process', 'server'] as const).map((where) => {
    const plain = median(taken.plain[where])
    const tagged = median(taken.tagged[where])
    const text = `${(tagged / plain).toFixed(2)}x (${Math.round(plain)} → ${Math.round(tagged)} B)`
    return { row: MEMORY_ROWS[where], text, figures: { plain, tagged, ratio: tagged / plain } }
  })
}
