// What insight costs: a read of memory with and without it, and the memory that it takes at most.
import { setTimeout as pause } from 'node:timers/promises'
import { type Cache, createCache, memory } from 'millpond'
import { createInsight } from 'millpond/insight'
import { spread } from '../numbers.ts'
import type { Row } from './report.ts'

/** Reads that are timed at a time: fewer than the notes that can wait, so that none is lost. */
const ROUND = 8000
const ROUNDS = 60
const FEW = 1000
const MANY = 100_000
const MIB = 2 ** 20

export async function measureRecorder(): Promise<Row[]> {
  const few = await costOf(FEW)
  const many = await costOf(MANY)
  const bytes = await mostMemory()
  const told = ({ median, low, high }: ReturnType<typeof spread>): string =>
    `${median.toFixed(0)} (${low.toFixed(0)} to ${high.toFixed(0)})`
  return [
    { what: `recorder, ns a get more, ${FEW} keys, all watched`, goal: 'at most 15', is: told(few.more), isMet: few.more.median <= 15 },
    {
      what: `recorder, ns a get more, ${MANY} keys, a part watched`,
      goal: 'at most 15',
      is: told(many.more),
      isMet: many.more.median <= 15,
    },
    { what: `later, ns of CPU a get, ${FEW} keys`, goal: '', is: told(few.later) },
    { what: `later, ns of CPU a get, ${MANY} keys`, goal: '', is: told(many.later) },
    { what: 'memory at most, MiB', goal: 'at most 16', is: (bytes / MIB).toFixed(1), isMet: bytes <= 16 * MIB },
  ]
}

/** Rounds with and without in turn, on two caches that are the same; the difference of neighbours. */
async function costOf(keys: number) {
  const names = Array.from({ length: keys }, (_, at) => `user:${at}`)
  const filled = async (name: string): Promise<Cache> => {
    const cache = createCache({ name, tiers: [memory({ maxEntries: keys, pressure: false })], defaults: { ttl: Number.POSITIVE_INFINITY } })
    for (const key of names) await cache.set(key, 1)
    return cache
  }
  const [without, watched] = [await filled('without'), await filled('watched')]
  let at = 0
  const round = async (cache: Cache): Promise<number> => {
    const began = process.cpuUsage()
    for (let read = 0; read < ROUND; read++) {
      at = (at + 7919) % keys
      await cache.get(names[at] ?? '')
    }
    return nanoseconds(began) / ROUND
  }
  const insight = createInsight({ caches: [watched] })
  const more: number[] = []
  const later: number[] = []
  // The sample is what it will be only after all keys were seen, and code is compiled.
  const warmUp = Math.ceil((3 * keys) / ROUND) + 20
  for (let turn = -warmUp; turn < ROUNDS; turn++) {
    const off = await round(without)
    const on = await round(watched)
    const began = process.cpuUsage()
    insight.sizing('watched', { days: 1 })
    const looked = nanoseconds(began) / ROUND
    if (turn < 0) continue
    more.push(on - off)
    later.push(looked)
  }
  insight.close()
  await Promise.all([without.close(), watched.close()])
  return { more: spread(more), later: spread(later) }
}

function nanoseconds(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began)
  return (user + system) * 1000
}

/** Of a large cache, with keys of many patterns, after all that can be kept is kept. */
async function mostMemory(): Promise<number> {
  const cache = createCache({ name: 'large', tiers: [memory({ maxEntries: 1_000_000 })] })
  const before = await held()
  const insight = createInsight({ caches: [cache] })
  for (let read = 0; read < 400_000; read++) {
    await cache.get(`kind-${'abcdefghijklmnopqrstuvwxyzABCDEF'[read % 32]}:${read % 200_000}`)
    if (read % ROUND === 0) insight.sizing('large')
  }
  insight.analyze('large')
  const most = (await held()) - before
  insight.close()
  await cache.close()
  return most
}

async function held(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    globalThis.gc?.()
    await pause(20)
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
