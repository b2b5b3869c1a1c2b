// How long another process shows the old value after the ack, with the bus up.
import type { Contender } from './contender.ts'
import { atShare, type Cell, type Field, median, memberAt, sized, sleep, withMembers } from './field.ts'
import { openTruth } from './truth.ts'

export const PROPAGATION_ROW = 'old value shown by another process after the ack, bus up: median, p99 ms'

const PATIENCE_MS = 1500

export async function measurePropagation(field: Field, contender: Contender): Promise<readonly Cell[]> {
  const truth = openTruth()
  const rounds = sized(field, 5, 50, 200)
  const key = 'propagation'
  const found = await withMembers(field, contender.name, 2, { answer: truth.ask }, async (members) => {
    const [writer, reader] = [memberAt(members, 0), memberAt(members, 1)]
    const ms: number[] = []
    let never = 0
    for (let version = 1; version <= rounds && never < 5; version++) {
      await reader.run('watchFor', { key, version: version - 1, withinMs: PATIENCE_MS })
      const watching = reader.run('watchFor', { key, version, withinMs: PATIENCE_MS })
      await sleep(3 + (version % 5))
      const ackAt = await writer.run('bump', { key })
      const { lastOld, shown } = await watching
      if (shown) ms.push(Math.max(0, lastOld - ackAt))
      else never += 1
    }
    return { ms, never }
  })
  const { ms, never } = found
  const text =
    never > 0
      ? `until the TTL (${never} of ${never + ms.length})`
      : `${median(ms).toFixed(2)}, ${atShare(ms, 0.99).toFixed(2)}`
  return [
    { row: PROPAGATION_ROW, text, figures: { median: median(ms), p99: atShare(ms, 0.99), rounds: ms.length, never } },
  ]
}
