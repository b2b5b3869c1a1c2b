// Ten regions of ten nodes each on a simulated clock: the real tiers and caches over simulated stores and links, while
// one region is cut off and heals, and a node joins in each.
import { type Cache, createCache, memory } from 'millpond'
import {
  type FakeClock,
  fakeClock,
  type Random,
  type SimulatedServer,
  seededRandom,
  simulatedServer,
} from 'millpond/testing'
import { type DistributedTier, distributed } from 'millpond/tiers/distributed'
import { type EdgeTier, edge } from 'millpond/tiers/edge'

export interface RegionsPlan {
  readonly regions: number
  /** Nodes of each region's ring. */
  readonly nodes: number
  /** Products, each of which is read in every region. */
  readonly keys: number
  /** The seconds at which one region is cut off, a node joins in each, and the run ends. */
  readonly cut: number
  readonly heal: number
  readonly join: number
  readonly end: number
}

export interface RegionsSample {
  readonly second: number
  /** Milliseconds, of all pairs of regions that are connected: since when nothing is unknown. */
  readonly lag: number
  /** The same, of pairs that are cut off. */
  readonly cutLag: number
  /** How old the oldest answer of that second was, beside what had been invalidated anywhere. */
  readonly staleness: number
}

export interface RegionsFleet {
  /** Entries of each node, region by region, before the joins. */
  readonly sizes: readonly (readonly number[])[]
  /** Milliseconds from an ack to every other region's ledger, of connected pairs, in order. */
  readonly propagation: readonly number[]
  readonly samples: readonly RegionsSample[]
  /** The fullest node of any region relative to the region's mean. */
  readonly fullest: number
  /** Copies that have another owner after the joins, as a multiple of the minimum. */
  readonly moved: number
  readonly reads: number
  readonly writes: number
  /** How often a region has dropped everything, other than at its start. */
  readonly gaps: number
}

interface Place {
  readonly name: string
  readonly ledger: SimulatedServer
  readonly nodes: readonly SimulatedServer[]
  readonly joining: SimulatedServer
}

interface Process {
  readonly place: Place
  readonly ring: DistributedTier
  readonly tier: EdgeTier
  readonly cache: Cache
}

export const LONG: RegionsPlan = { regions: 10, nodes: 10, keys: 1000, cut: 15, heal: 30, join: 40, end: 55 }
const MAX_LAG_MS = 5000
const STEP_MS = 10
const PROBE = /write:(\d+)/

export async function simulateRegions(plan: RegionsPlan = LONG, seed = 1): Promise<RegionsFleet> {
  const random = seededRandom(seed)
  const clock = fakeClock()
  const now = (): number => clock.now()
  const places = Array.from({ length: plan.regions }, (_, at): Place => {
    const server = (): SimulatedServer => simulatedServer({ now })
    return {
      name: `region-${at}`,
      ledger: server(),
      nodes: Array.from({ length: plan.nodes }, server),
      joining: server(),
    }
  })
  const isCut = { now: false }
  let gaps = 0
  const [away] = places.slice(-1)
  const cutOff = (a: Place, b: Place): boolean => isCut.now && a !== b && (a === away || b === away)
  const processes = places.map((place) =>
    processOf(place, places, { clock, random, cutOff, warn: (kind) => void (kind === 'gap' && gaps++) }),
  )
  const watch = watchLedgers(places, clock)
  const truth = new Map<string, { readonly at: number[] }>()
  const samples: RegionsSample[] = []
  let [reads, writes] = [0, 0]
  let sizes: readonly (readonly number[])[] = []
  const moves: Promise<unknown>[] = []
  const owners = (): string[][] =>
    processes.flatMap(({ ring }) => keysOf(plan).map((key) => [...ring.ownersOf(`shop:default:${key}`)]))
  let before: string[][] = []
  const pending = new Set<Promise<unknown>>()
  const begin = (work: Promise<unknown>): void => {
    const done = work.catch(() => {}).finally(() => pending.delete(done))
    pending.add(done)
  }
  for (let second = 0; second < plan.end; second++) {
    if (second === plan.cut) isCut.now = true
    if (second === plan.heal) isCut.now = false
    if (second === plan.join) {
      sizes = places.map(({ nodes }) => nodes.map(({ entries }) => entries.size))
      before = owners()
      for (const { ring, place } of processes)
        moves.push(
          ring.add({ name: `${place.name}-new`, tier: place.joining.connect(linkOf(clock, random, 1, () => false)) }),
        )
    }
    // Answers that arrive after the second still count for it.
    const sample = { second, lag: 0, cutLag: 0, staleness: 0 }
    samples.push(sample)
    for (let ms = 0; ms < 1000; ms += STEP_MS) {
      await clock.run(STEP_MS)
      for (const { place, cache } of processes) {
        if (ms % 50 === 0) {
          // In the first seconds each region loads everything once.
          const key = second < 5 ? keysOf(plan)[(second * 20 + ms / 50) % plan.keys] : hotOf(plan, random)
          if (key === undefined) continue
          const asked = clock.monotonic()
          begin(
            cache
              .getOrSet(key, async () => truth.get(key)?.at.length ?? 0)
              .then((version) => {
                reads++
                const next = truth.get(key)?.at[version]
                // It was committed before the read began, but not returned.
                if (next !== undefined && next < asked) sample.staleness = Math.max(sample.staleness, asked - next)
              }),
          )
        }
        if (ms % 250 === 0 && random.below(4) === 0 && second >= 3) {
          const key = hotOf(plan, random)
          const id = writes++
          const commits = truth.get(key) ?? { at: [] }
          truth.set(key, commits)
          commits.at.push(clock.monotonic())
          begin(cache.delete(key))
          begin(cache.delete(`write:${id}`).then(() => watch.acked(id, place)))
        }
      }
      if (ms % 100 !== 0 || second < 3) continue
      for (const { place, tier } of processes)
        for (const { region, lagMs = Number.POSITIVE_INFINITY } of tier.ledger.regions.heard()) {
          const peer = places.find(({ name }) => name === region)
          if (peer === undefined) continue
          if (cutOff(place, peer)) sample.cutLag = Math.max(sample.cutLag, lagMs)
          else if (second < plan.heal || second > plan.heal + 1) sample.lag = Math.max(sample.lag, lagMs)
        }
    }
  }
  await over(Promise.all([...moves, ...pending]), clock)
  const after = owners()
  const moved = after.reduce(
    (sum, some, at) => sum + some.filter((name) => before[at]?.includes(name) !== true).length,
    0,
  )
  await over(Promise.all(processes.map(({ cache }) => cache.close())), clock)
  const propagation = watch.took((from, to) => from !== away && to !== away).sort((a, b) => a - b)
  return {
    ...{ sizes, propagation, samples, reads, writes, gaps },
    fullest: Math.max(...sizes.map((one) => Math.max(...one) / mean(one))),
    moved: moved / ((2 * plan.keys * plan.regions) / (plan.nodes + 1)),
  }
}

/** Half of what is read and written is one key in fifty. */
const hotOf = ({ keys }: RegionsPlan, random: Random): string =>
  `product:${random.below(random.below(2) === 0 ? Math.ceil(keys / 50) : keys)}`

/** The expectations, and whether they are met. */
export function judged({ sizes, propagation, samples, fullest, moved, reads, writes, gaps }: RegionsFleet): {
  readonly lines: readonly (readonly [string, string])[]
  readonly isKept: boolean
} {
  const at = (share: number): number =>
    propagation[Math.min(propagation.length - 1, Math.floor(propagation.length * share))] ?? Number.POSITIVE_INFINITY
  const worst = (of: (sample: RegionsSample) => number): number => Math.max(...samples.map(of))
  const staleness = worst((one) => one.staleness)
  const isKept =
    at(0.99) <= 1000 && worst(({ lag }) => lag) <= MAX_LAG_MS && staleness <= MAX_LAG_MS && moved <= 1.05 && gaps === 0
  return {
    isKept,
    lines: [
      ['regions, nodes, reads, writes', `${sizes.length}, ${sizes.flat().length}, ${reads}, ${writes}`],
      ['fullest node of a region, times the mean', fullest.toFixed(3)],
      ['copies with another owner when a node joins, times the least (at most 1.05)', moved.toFixed(3)],
      ['from an ack to another region: half, 99 of 100 (at most 1000 ms), all', `${at(0.5)}, ${at(0.99)}, ${at(1)} ms`],
      ['a connected region behind another, the most (at most 5000 ms)', `${worst(({ lag }) => lag)} ms`],
      ['an answer behind what was invalidated anywhere, the oldest (at most 5000 ms)', `${staleness} ms`],
      ['how often a region forgot everything after it had begun (never)', String(gaps)],
      ['all of it', isKept ? 'kept' : 'LOST'],
    ],
  }
}

const keysOf = ({ keys }: RegionsPlan): readonly string[] => Array.from({ length: keys }, (_, at) => `product:${at}`)
export const mean = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0) / numbers.length

interface World {
  readonly clock: FakeClock
  readonly random: Random
  readonly cutOff: (a: Place, b: Place) => boolean
  readonly warn: (kind: string) => void
}

function processOf(place: Place, places: readonly Place[], { clock, random, cutOff, warn }: World): Process {
  const index = places.indexOf(place)
  const ring = ringOf(place, clock, random, 1, () => false)
  const regions = Object.fromEntries(
    places.map((peer, at) => {
      // Five milliseconds each way between neighbours, up to fifty between the farthest.
      const ms = peer === place ? 1 : 5 * Math.abs(at - index) + 5
      const ledger = peer.ledger.connect(linkOf(clock, random, ms, () => cutOff(place, peer)))
      const tiers =
        peer === place ? [ring] : at === 0 ? [ringOf(peer, clock, random, ms, () => cutOff(place, peer))] : [ledger]
      return [peer.name, { ledger, tiers }]
    }),
  )
  const tier = edge({
    regions,
    region: place.name,
    origin: places[0]?.name,
    maxRegionLag: MAX_LAG_MS,
    clock,
    onWarning: ({ kind }) => warn(kind),
  })
  return { place, ring, tier, cache: createCache({ name: 'shop', tiers: [memory(), tier], clock }) }
}

function ringOf(place: Place, clock: FakeClock, random: Random, ms: number, isCut: () => boolean): DistributedTier {
  return distributed({
    nodes: place.nodes.map((server, at) => ({
      name: `${place.name}-${at}`,
      tier: server.connect(linkOf(clock, random, ms, isCut)),
    })),
    ledger: place.ledger.connect(linkOf(clock, random, ms, isCut)),
    clock,
  })
}

/** A message takes `ms`, a tenth more or less; it never arrives on a cut link. */
function linkOf(clock: FakeClock, random: Random, ms: number, isCut: () => boolean) {
  const travel = (): Promise<void> =>
    isCut()
      ? new Promise(() => {})
      : new Promise((resolve) => void clock.after(ms + random.below(1 + Math.ceil(ms / 5)), resolve))
  return { send: travel, back: travel, push: travel }
}

/** When each ledger has received each write, for writes that can be identified by their key. */
function watchLedgers(places: readonly Place[], clock: FakeClock) {
  const acks = new Map<number, { readonly from: Place; readonly at: number }>()
  const heard = new Map<Place, Map<number, number>>(places.map((place) => [place, new Map()]))
  for (const place of places) {
    const { ledger } = place.ledger.connect()
    let from: Awaited<ReturnType<typeof ledger.pull>>['position'] | undefined
    ledger.follow?.('shop:default:', () => {
      void ledger.pull('shop:default:', from).then((answer) => {
        from = answer.position
        if (answer.kind !== 'tail') return
        for (const { targets } of answer.lines)
          for (const target of targets) {
            const id = target.kind === 'key' ? PROBE.exec(target.key)?.[1] : undefined
            const its = heard.get(place)
            if (id !== undefined && its?.has(Number(id)) === false) its.set(Number(id), clock.monotonic())
          }
      })
    })
  }
  return {
    acked: (id: number, from: Place): void => void acks.set(id, { from, at: clock.monotonic() }),
    took: (isWanted: (from: Place, to: Place) => boolean): number[] =>
      [...acks].flatMap(([id, { from, at }]) =>
        places.flatMap((to) => {
          if (to === from || !isWanted(from, to)) return []
          const when = heard.get(to)?.get(id)
          return [when === undefined ? Number.POSITIVE_INFINITY : Math.max(0, when - at)]
        }),
      ),
  }
}

async function over<T>(work: Promise<T>, clock: FakeClock): Promise<T> {
  let isOver = false
  const ended = work.finally(() => {
    isOver = true
  })
  ended.catch(() => {})
  while (!isOver) await clock.run(STEP_MS)
  return ended
}
