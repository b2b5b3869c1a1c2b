// The bounds of a tier, if it has any: kept while it and a peer fill it at the same time, by evicting old entries.
import assert from 'node:assert/strict'
import type { Tier, TierItem } from '../core/contracts.ts'
import type { Case } from './runner.ts'
import { item, readAll, refusalsIn, type TierSubject, text } from './tier-subject.ts'

/** How far a tier may exceed its bounds while several write. */
const SHARE = 1.05
const BODY = 1000
const BATCH = 50

export const boundCases: readonly Case<TierSubject>[] = [
  {
    id: 'bounded',
    title: 'entries beyond the bounds replace old ones, from any writer, and at most a twentieth exceeds the bounds',
    run: async (subject) => {
      assert.ok(subject.openBounded, 'the subject has no openBounded(): give one, or skip the case with a reason')
      const [tier, peer] = await subject.openBounded()
      try {
        const { maxEntries = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } = tier.bounds ?? {}
        const holds = Math.min(maxEntries, Math.floor(maxBytes / BODY))
        assert.ok(holds <= 20_000, 'its bounds are too large to be reached here, or it tells none: see Tier.bounds')
        const batches = Math.ceil((3 * holds) / BATCH)
        for (let batch = 0; batch < batches; batch += 2) {
          await Promise.all([fill(tier, batch), fill(peer, batch + 1)])
          await checkBounds(tier, maxEntries, maxBytes)
        }
        const newest = await readAll(
          tier,
          batchOf(batches - 2).map(({ key }) => key),
        )
        assert.equal(
          newest.filter((stored) => text(stored)?.length === BODY).length,
          BATCH,
          'what was written last is gone',
        )
        assert.equal((await readAll(tier, [keyAt(0)]))[0], undefined, 'what was written first is still there')
        const { entries = holds, evicted = 1 } = (await tier.usage?.()) ?? {}
        assert.ok(entries > holds / 3, `of some ${holds} entries that fit, ${entries} were left`)
        assert.ok(evicted > 0, 'usage() tells of no entry that had to leave')
        // Removed entries are no longer counted.
        await tier.clear('')
        assert.equal((await tier.usage?.())?.entries ?? 0, 0)
      } finally {
        await peer.close()
        await tier.close()
      }
    },
  },
]

const keyAt = (at: number): string => `bounded/${at}`

const batchOf = (batch: number): TierItem[] =>
  Array.from({ length: BATCH }, (_, at) => item(keyAt(batch * BATCH + at), new Uint8Array(BODY).fill(120)))

async function fill(tier: Tier, batch: number): Promise<void> {
  assert.deepEqual(refusalsIn(await tier.write(batchOf(batch))), [])
}

async function checkBounds(tier: Tier, maxEntries: number, maxBytes: number): Promise<void> {
  assert.ok(tier.usage, 'a bounded tier tells what it holds: implement usage()')
  const { entries = 0, bytes = 0 } = await tier.usage()
  assert.ok(entries <= maxEntries * SHARE, `${entries} entries, and at most ${maxEntries} are allowed`)
  assert.ok(bytes <= maxBytes * SHARE, `${bytes} bytes, and at most ${maxBytes} are allowed`)
}
