// Several processes on one cache file, some of them killed.
import { afterEach, describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/testing/random.ts'
import { sqlite } from '../../src/tiers/sqlite/index.ts'
import { startWorker, type Worker } from './child.ts'
import { openRaw, temporaryFolder } from './folder.ts'

const file = temporaryFolder()
const workers: Worker[] = []

afterEach(async () => {
  for (const worker of workers) worker.kill()
  await Promise.all(workers.splice(0).map((worker) => worker.ended))
})

function start(...args: Parameters<typeof startWorker>): Worker {
  const worker = startWorker(...args)
  workers.push(worker)
  return worker
}

/** Whether SQLite itself finds the file in order. */
function integrity(path: string): unknown {
  const handle = openRaw(path)
  try {
    return handle.prepare('PRAGMA integrity_check').get()
  } finally {
    handle.close()
  }
}

describe('many processes on one file', () => {
  test('G3: advances of four processes get unique numbers without a gap', async () => {
    const path = file()
    const four = ['a', 'b', 'c', 'd'].map((name) => start(path, 'number', name, 100))
    expect(await Promise.all(four.map((worker) => worker.ended))).toEqual([0, 0, 0, 0])
    const numbers = four.flatMap((worker) => worker.acked.map((ack) => ack.seq))
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, index) => index + 1))
    for (const worker of four)
      expect(worker.acked.map((ack) => ack.seq)).toEqual(worker.acked.map((ack) => ack.seq).sort((a, b) => a - b))
    const tier = sqlite({ path })
    const { position, lines } = await tier.ledger.pull('ns')
    expect(position.seq).toBe(400)
    expect(
      new Set(lines.flatMap((line) => line.targets.map((target) => (target.kind === 'tag' ? target.tag : '')))).size,
    ).toBe(400)
    await tier.close()
  })

  test('G1: a process killed after an acknowledged advance leaves no older row alive, and the file in order', async () => {
    const path = file()
    const random = seededRandom(20_261_121)
    let acknowledged = 0
    for (let round = 0; round < 6; round++) {
      const two = [start(path, 'churn', `${round}a`), start(path, 'churn', `${round}b`)]
      await Promise.all(two.map((worker) => worker.reach(10 + random.below(60))))
      for (const worker of two) worker.kill()
      expect(await Promise.all(two.map((worker) => worker.ended))).toEqual(['SIGKILL', 'SIGKILL'])

      const last = new Map<string, { seq: number; drops: boolean }>()
      const acked = two.flatMap((worker) => worker.acked).sort((a, b) => a.seq - b.seq)
      for (const { key = '', seq, drops = false } of acked) last.set(key, { seq, drops })
      acknowledged += acked.length

      const tier = sqlite({ path, onWarning: (warning) => expect.fail(warning.message) })
      const { position, lines } = await tier.ledger.pull('ns')
      expect(position.seq).toBeGreaterThanOrEqual(acked.at(-1)?.seq ?? 0)
      for (const [key, { seq, drops }] of last) {
        const [stored] = await tier.read([key])
        // A step that was under way may have happened as a whole, or not at all.
        const inForce =
          lines.find((line) => line.targets.some((target) => target.kind === 'key' && target.key === key))?.seq ?? 0
        expect(inForce).toBeGreaterThanOrEqual(seq)
        if (stored !== undefined) expect(stored.asOf.seq).toBe(inForce)
        if (drops && inForce === seq) expect(stored).toBeUndefined()
      }
      await tier.close()
      expect(integrity(path)).toMatchObject({ integrity_check: 'ok' })
    }
    expect(acknowledged).toBeGreaterThan(120)
  }, 60_000)
})
