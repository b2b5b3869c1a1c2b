// What insight costs: a read of memory with and without it, and the memory that it takes at most.
import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Cache, createCache, memory } from 'millpond'
import { createInsight, type InsightOptions } from 'millpond/insight'
import { type Spread, spread } from '../numbers.ts'
import type { Row } from './report.ts'

/**
 * Reads that are timed at a time: fewer than can wait, so that they are looked at in later turns, as those of a service
 * are.
 */
const ROUND = 8000
/** So many in one turn of the event loop cannot wait: most are looked at by the reads themselves. */
const BURST = 65_536
const BURSTS = 16
const ROUNDS = 60
const FEW = 1000
const MANY = 100_000
const MIB = 2 ** 20

type Switches = Pick<InsightOptions, 'usagePrediction'>

/**
 * How long notes are looked at as they are in a running process, until the share of keys that is watched fits the time
 * that looking may take.
 */
const SETTLE_MS = 32_000
const TIMED = 2000

export async function measureRecorder(): Promise<Row[]> {
  const few = await costOf(FEW)
  const many = await costOf(MANY)
  const burst = await costOf(FEW, BURST, BURSTS)
  const settled = await settledCost(FEW)
  const predicting = await settledCost(FEW, { usagePrediction: true })
  const bytes = await mostMemory()
  const predictingBytes = await mostMemory({ usagePrediction: true })
  const told = ({ median, low, high }: Spread): string =>
    `${median.toFixed(0)} (${low.toFixed(0)} to ${high.toFixed(0)})`
  const most = (ns: Spread): Omit<Row, 'what'> => ({ goal: 'at most 15', is: told(ns), isMet: ns.median <= 15 })
  const p99 = 100 * (settled.p99.on / settled.p99.off - 1)
  return [
    { what: `recorder, ns a get more, ${FEW} keys, all watched`, ...most(few.more) },
    { what: `recorder, ns a get more, ${MANY} keys, a part watched`, ...most(many.more) },
    { what: `recorder, ns a get more, ${BURST} gets in one turn`, goal: '', is: told(burst.more) },
    { what: `recorder, ns a get more, ${FEW} keys, busy for half a minute`, ...most(settled.more) },
    { what: 'the same with usagePrediction', ...most(predicting.more) },
    {
      what: 'p99 of a get, busy for half a minute, % more',
      goal: 'at most 2',
      is: `${p99.toFixed(1)} (${toNs(settled.p99.off)} and ${toNs(settled.p99.on)} ns)`,
      isMet: p99 <= 2,
    },
    { what: `later, ns of CPU a get, ${FEW} keys`, goal: '', is: told(few.later) },
    { what: `later, ns of CPU a get, ${MANY} keys`, goal: '', is: told(many.later) },
    room('memory at most, MiB', bytes),
    room('memory at most, with usagePrediction, MiB', predictingBytes),
  ]
}

const room = (what: string, bytes: number): Row => ({
  what,
  goal: 'at most 16',
  is: (bytes / MIB).toFixed(1),
  isMet: bytes <= 16 * MIB,
})

/** Two caches that are the same, and reads of one or the other. */
async function pairOf(keys: number) {
  const names = Array.from({ length: keys }, (_, at) => `user:${at}`)
  const filled = async (name: string): Promise<Cache> => {
    const cache = createCache({
      name,
      tiers: [memory({ maxEntries: keys, pressure: false })],
      defaults: { ttl: Number.POSITIVE_INFINITY },
    })
    for (const key of names) await cache.set(key, 1)
    return cache
  }
  let at = 0
  const next = (): string => {
    at = (at + 7919) % keys
    return names[at] ?? ''
  }
  /** Nanoseconds of CPU a get. */
  const round = async (cache: Cache, reads = ROUND): Promise<number> => {
    const began = process.cpuUsage()
    for (let read = 0; read < reads; read++) await cache.get(next())
    return nanoseconds(began) / reads
  }
  return { without: await filled('without'), watched: await filled('watched'), next, round }
}

/**
 * Rounds with and without, each first in turn; the difference of neighbours. All notes are looked at after each, and
 * what that has put into the processor's caches is overwritten; of both caches as many keys are read.
 */
async function costOf(
  keys: number,
  reads = ROUND,
  rounds = ROUNDS,
): Promise<{ readonly more: Spread; readonly later: Spread }> {
  const { without, watched, round } = await pairOf(keys)
  const insight = createInsight({ caches: [watched] })
  const more: number[] = []
  const later: number[] = []
  let before = 0
  // The sample is what it will be only after all keys were seen, and code is compiled.
  const warmUp = Math.ceil((3 * keys) / reads) + 20
  for (let turn = -warmUp; turn < rounds; turn++) {
    await round(turn % 2 === 0 ? watched : without)
    const first = await round(turn % 2 === 0 ? without : watched, reads)
    const second = await round(turn % 2 === 0 ? watched : without, reads)
    const [off, on] = turn % 2 === 0 ? [first, second] : [second, first]
    const began = process.cpuUsage()
    insight.sizing('watched', { days: 1 })
    const looked = nanoseconds(began) / reads
    if (turn < 0) continue
    // The one that is first has other caches of the processor than the second: two turns are one sample.
    if (turn % 2 === 0) before = on - off
    else more.push((before + on - off) / 2)
    later.push(looked)
  }
  insight.close()
  await Promise.all([without.close(), watched.close()])
  return { more: spread(more), later: spread(later) }
}

/** As in a process that goes on: insight looks when its turn comes, for as long as it may. */
async function settledCost(
  keys: number,
  options: Switches = {},
): Promise<{ readonly more: Spread; readonly p99: Record<'on' | 'off', number> }> {
  const { without, watched, next, round } = await pairOf(keys)
  const insight = createInsight({ caches: [watched], ...options })
  const more: number[] = []
  const times = { on: [] as number[], off: [] as number[] }
  const timed = async (cache: Cache, into: number[]): Promise<void> => {
    for (let read = 0; read < TIMED; read++) {
      const key = next()
      const began = performance.now()
      await cache.get(key)
      into.push(performance.now() - began)
    }
  }
  const began = performance.now()
  for (let turn = 0; turn < ROUNDS || performance.now() - began < SETTLE_MS + 5000; turn++) {
    const off = await round(without)
    const on = await round(watched)
    if (performance.now() - began > SETTLE_MS) {
      more.push(on - off)
      // Each of the two first, in turn: what follows a pause is slower.
      if (turn % 2 === 0) await timed(without, times.off)
      await timed(watched, times.on)
      if (turn % 2 !== 0) await timed(without, times.off)
    }
    await pause(25)
  }
  insight.close()
  await Promise.all([without.close(), watched.close()])
  return { more: spread(more), p99: { on: quantile(times.on, 0.99), off: quantile(times.off, 0.99) } }
}

const toNs = (ms: number): string => (ms * 1e6).toFixed(0)

const quantile = (samples: readonly number[], share: number): number =>
  [...samples].sort((a, b) => a - b)[Math.floor((samples.length - 1) * share)] ?? Number.NaN

function nanoseconds(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began)
  return (user + system) * 1000
}

/** Of a large cache, with keys of many patterns, after all that can be kept is kept. */
async function mostMemory(options: Switches = {}): Promise<number> {
  const cache = createCache({ name: 'large', tiers: [memory({ maxEntries: 1_000_000 })] })
  const before = await held()
  const insight = createInsight({ caches: [cache], ...options })
  for (let read = 0; read < 400_000; read++) {
    await cache.get(`kind-${'abcdefghijklmnopqrstuvwxyzABCDEF'[read % 32]}:${read % 200_000}`)
    if (read % ROUND !== 0) continue
    insight.sizing('large')
    // Prediction looks in turns of its own, for a twentieth of the time.
    if (options.usagePrediction === true) await pause(50)
  }
  insight.analyze('large')
  const most = (await held()) - before
  insight.close()
  await cache.close()
  return most
}

/** Without it what is garbage would count. */
async function held(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect !== 'function') throw new Error('garbage cannot be collected')
  for (let turn = 0; turn < 3; turn++) {
    collect()
    await pause(20)
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
