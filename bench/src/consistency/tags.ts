// What tags cost: an invalidation over many keys, and a hit in memory.
import { type FaultProxy, startFaultProxy } from 'millpond/testing'
import type { Contender } from './contender.ts'
import { type Cell, type Field, median, memberAt, NOT_OFFERED, sized, sleep, withMembers } from './field.ts'

export const TAG_ROWS = {
  invalidate: 'tag of 100,000 keys invalidated: ms, commands (median of 5)',
  hit: 'hit in memory of an entry with three tags: commands to Redis',
} as const

const READS = 1000
const TAGS = ['tag-one', 'tag-two', 'tag-three']

export async function measureTags(field: Field, contender: Contender): Promise<readonly Cell[]> {
  if (!contender.hasTags) return Object.values(TAG_ROWS).map((row) => ({ row, text: NOT_OFFERED }))
  const count = sized(field, 1000, 100_000, 100_000)
  const proxy = await startFaultProxy({ to: { port: field.redis.port } })
  try {
    const options = { tags: true, maxEntries: count + 100, urlOf: () => proxy.url() }
    return await withMembers(field, contender.name, 1, options, async (members) => {
      const member = memberAt(members, 0)
      await member.run('fill', { count, tag: 'everything', from: 0 })
      const tries: { ms: number; commands: number }[] = []
      for (let round = 0; round < 5; round++) {
        await sleep(130)
        proxy.resetCounts()
        const { ms } = await member.run('forgetTag', { tag: 'everything' })
        tries.push({ ms, commands: commandsOf(proxy) })
        // The next try has something to invalidate again.
        await member.run('fill', { count: 100, tag: 'everything', from: 0 })
      }
      const ms = median(tries.map((one) => one.ms))
      const commands = median(tries.map((one) => one.commands))
      await member.run('hit', { key: 'tagged-hit', tags: TAGS, reads: 1 })
      proxy.resetCounts()
      await member.run('hit', { key: 'tagged-hit', tags: TAGS, reads: READS })
      const perHit = commandsOf(proxy) / READS
      return [
        { row: TAG_ROWS.invalidate, text: `${ms.toFixed(1)}, ${commands}`, figures: { tries, count } },
        {
          row: TAG_ROWS.hit,
          text: perHit < 0.01 ? '0' : perHit.toFixed(1),
          figures: { perHit, commands: Object.fromEntries(proxy.counts.commands) },
        },
      ]
    })
  } finally {
    await proxy.close()
  }
}

function commandsOf(proxy: FaultProxy): number {
  return [...proxy.counts.commands.values()].reduce((all, one) => all + one, 0)
}
