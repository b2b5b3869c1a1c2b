// An hour of healthy traffic by a simulated clock: nothing is raised in it, and a fault in the midst of it within 15
// seconds. Everything but the processes themselves is real.
import { openStore, type Store } from '@millpond/control'
import { afterEach, expect, it } from 'vitest'
import { addTo, type CacheReport } from '../src/agent/figures.ts'
import { Alerts } from '../src/alerts/alerts.ts'
import { Evaluator } from '../src/alerts/evaluator.ts'
import type { Fleet, FleetNode } from '../src/fleet/fleet.ts'
import { Collector } from '../src/metrics/collector.ts'
import { History } from '../src/metrics/history.ts'

const SEED = Number(process.env.MILLPOND_SEED ?? 14)
const BEGIN = Date.parse('2026-03-02T09:00:00Z')
const WARM_S = 400

/** mulberry32 */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * A process as it is when all is well: bursts, single slow loads, tags that are invalidated, memory that is full and
 * evicts entries that are not requested, and now and then one that is requested after all.
 */
class Process {
  readonly counters: Record<string, number> = {}
  breaker = 'closed'
  #boot = 0
  #startedAt: number
  readonly #id: string
  readonly #random: () => number

  constructor(id: string, random: () => number, at: number) {
    this.#id = id
    this.#random = random
    this.#startedAt = at - 3600
  }

  /** A deploy: the process leaves in order, and another begins cold. */
  restart(at: number): void {
    for (const name of Object.keys(this.counters)) delete this.counters[name]
    this.#boot++
    this.#startedAt = at
  }

  second(at: number, factor: number, isInvalidated: boolean): void {
    const random = this.#random
    const reads = Math.round((250 + 120 * Math.sin(at / 400)) * factor * (0.7 + 0.6 * random()))
    const age = at - this.#startedAt
    const ratio = Math.max(
      0,
      (isInvalidated ? 0.6 : 0.93) - (age < 120 ? 0.5 * (1 - age / 120) : 0) + 0.04 * (random() - 0.5),
    )
    const hits = Math.round(reads * ratio)
    const misses = reads - hits
    const loads = Math.round(misses * 0.8)
    const ms = hits * 0.05 + misses * (8 + 30 * random() ** 6)
    addTo(this.counters, {
      hits,
      misses,
      loads,
      load_errors: random() < 0.02 ? 1 : 0,
      sets: 3,
      evictions: Math.round(misses * 0.7),
      young_evictions: random() < 0.3 ? 1 : 0,
      invalidations: isInvalidated ? 1 : 0,
      gaps: 0,
      'get.n': reads,
      'get.ms': ms,
      'tier.redis.errors': random() < 0.01 ? 1 : 0,
      'tier.redis.n': misses,
      process_cpu_seconds: 0.35 + 0.3 * random(),
    })
  }

  node(at: number): FleetNode {
    const report: CacheReport = {
      cache: 'shop',
      uptime_seconds: at - this.#startedAt,
      health: 'ok',
      counters: { ...this.counters },
      gauges: {
        entries: 90_000,
        bytes: 99 * 2 ** 20,
        max_bytes: 100 * 2 ** 20,
        process_bytes: 400 * 2 ** 20,
        process_heap_bytes: 150 * 2 ** 20,
      },
      tiers: [
        { name: 'redis', scope: 'shared', enabled: true, breaker: this.breaker, encrypted: false, key_since: null },
      ],
      ledger: { tier: 'redis', is_up: true, pending: this.#random() < 0.002 ? 1 : 0 },
      ttl_seconds: 300,
      namespaces: {},
    }
    const boot = `${this.#id}-${this.#boot}`
    return { id: this.#id, boot, cache: 'shop', isLocal: false, isLate: false, ageMs: 400, report, settings: undefined }
  }
}

let store: Store | undefined
afterEach(() => store?.close())

async function simulation() {
  const opened = await openStore(':memory:')
  store = opened
  let second = 0
  const now = async (): Promise<number> => BEGIN + second * 1000
  const timed: Store = { ...opened, now }
  const random = randomFrom(SEED)
  const processes = ['web-1', 'web-2'].map((id) => new Process(id, random, 0))
  const fleet = {
    names: ['shop'],
    see: async () => ({ nodes: processes.map((one) => one.node(second)), unseen: undefined }),
  } as unknown as Fleet
  const [collector, history, alerts] = [new Collector(fleet), new History(timed), new Alerts(timed)]
  const evaluator = new Evaluator({ fleet, collector, history, alerts, store: timed }, () => (random() < 0.05 ? 2 : 0))
  let invalidatedUntil = 0
  return {
    processes,
    alerts,
    get second() {
      return second
    },
    /** As `startClock` does it. */
    async run(seconds: number): Promise<void> {
      for (const end = second + seconds; second < end; ) {
        second++
        if (random() < 1 / 240) invalidatedUntil = second + 1 + Math.floor(2 * random())
        const factor = random() < 0.02 ? 3 : 1
        for (const one of processes) one.second(second, factor, second < invalidatedUntil)
        if (second === 1200) processes[1]?.restart(second)
        const points = await collector.look(await now())
        for (const [cache, point] of points) await history.add(cache, point)
        if (second % 5 === 0) await evaluator.turn()
      }
    },
  }
}

it(`raises nothing in a healthy hour (seed ${SEED}), and then reports a bypassed tier within 15 seconds`, async () => {
  const world = await simulation()
  await world.run(WARM_S + 3600)
  const raised = await world.alerts.list({ limit: 100 })
  expect(
    raised.map(({ view: { rule, severity, value, since } }) => ({
      rule,
      severity,
      value,
      after: (Date.parse(since) - BEGIN) / 1000,
    })),
  ).toEqual([])
  for (const one of world.processes) one.breaker = 'open'
  const at = world.second
  while ((await world.alerts.list({ state: 'firing', limit: 10 })).length === 0 && world.second < at + 60)
    await world.run(1)
  expect(world.second - at).toBeLessThanOrEqual(15)
})
