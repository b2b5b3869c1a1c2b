// A fleet of a hundred nodes on a simulated clock: the real tier over simulated stores and links, while nodes freeze,
// come back, some of them empty, and others join.
import {
  type FakeClock,
  fakeClock,
  type Random,
  type SimulatedServer,
  seededRandom,
  simulatedServer,
} from 'millpond/testing'
import { type DistributedTier, distributed } from 'millpond/tiers/distributed'

interface Node {
  readonly name: string
  readonly server: SimulatedServer
  isFrozen: boolean
}

export interface Sample {
  readonly second: number
  /** The share of that second's reads that found their entry. */
  readonly found: number
  /** The share of all copies that are on their owners. */
  readonly placed: number
  /** The 99th percentile of read times, in milliseconds. */
  readonly p99: number
}

export interface Fleet {
  /** Entries of each node, before and after ten joined. */
  readonly before: readonly number[]
  readonly after: readonly number[]
  readonly samples: readonly Sample[]
  readonly lines: readonly (readonly [string, string])[]
}

const NODES = 100
const JOINING = 10
const KEYS = 20_000
const BATCH = 20
const BATCHES = 10
const [FREEZE, RETURN, JOIN, END] = [10, 30, 45, 80]
const TURN_MS = 5

export async function simulateFleet(seed = 1): Promise<Fleet> {
  const random = seededRandom(seed)
  const clock = fakeClock()
  const nodes = Array.from({ length: NODES + JOINING }, (_, at) => nodeOf(at, clock))
  const first = nodes.slice(0, NODES)
  const partOf = (node: Node) => ({
    name: node.name,
    tier: node.server.connect(linkOf(node, clock, random)),
    weight: 1,
  })
  const ring = distributed({
    nodes: first.map(partOf),
    ledger: simulatedServer({ now: () => clock.now() }).connect(),
    clock,
    movePerSecond: 4000,
  })
  const keys = Array.from({ length: KEYS }, (_, at) => `shop:default:product:${at}`)
  for (let from = 0; from < KEYS; from += 500) await over(ring.write(keys.slice(from, from + 500).map(itemOf)), clock)
  const before = sizes(first)
  const samples: Sample[] = []
  const moves: Promise<{ readonly copied: number; readonly outcome: string }>[] = []
  const placedBefore = new Map(keys.map((key) => [key, ring.ownersOf(key)]))
  for (let second = 0; second < END; second++) {
    if (second === FREEZE) for (const node of first.slice(0, 5)) node.isFrozen = true
    if (second === RETURN)
      for (const [at, node] of first.slice(0, 5).entries()) {
        if (at < 2) node.server.restart('empty')
        node.isFrozen = false
      }
    if (second === JOIN) for (const node of nodes.slice(NODES)) moves.push(ring.add(partOf(node)))
    samples.push(await oneSecond(second, ring, keys, nodes, clock, random))
  }
  const reports = await over(Promise.all(moves), clock)
  const owners = (key: string): readonly string[] => ring.ownersOf(key)
  const moved = keys.reduce(
    (sum, key) => sum + owners(key).filter((name) => placedBefore.get(key)?.includes(name) !== true).length,
    0,
  )
  const after = sizes(nodes)
  const { repaired, failedOver } = ring.counts
  await over(ring.close(), clock)
  const lost = samples.filter(({ found }) => found < 1).length
  return {
    before,
    after,
    samples,
    lines: [
      ['nodes, entries, copies of each', `${NODES}, ${KEYS}, 2`],
      ['fullest node, times the mean', (Math.max(...before) / mean(before)).toFixed(3)],
      [`fullest after ${JOINING} joined`, (Math.max(...after) / mean(after)).toFixed(3)],
      ['copies with another owner, times the least', (moved / ((2 * KEYS * JOINING) / (NODES + JOINING))).toFixed(3)],
      ['copied by the last move', `${reports.at(-1)?.copied} (${reports.at(-1)?.outcome})`],
      ['copies put back by reads', String(repaired)],
      ['keys read from another copy', String(failedOver)],
      ['seconds in which a read found nothing (both its copies were frozen)', String(lost)],
      ['slowest hundredth of reads, quiet', `${Math.max(...samples.slice(0, FREEZE).map(({ p99 }) => p99))} ms`],
      [
        'slowest hundredth of reads, five frozen',
        `${Math.max(...samples.slice(FREEZE, RETURN).map(({ p99 }) => p99))} ms`,
      ],
    ],
  }
}

const nodeOf = (at: number, clock: FakeClock): Node => ({
  name: `node-${at}`,
  server: simulatedServer({ now: () => clock.now() }),
  isFrozen: false,
})

/** One to four milliseconds each way. */
function linkOf(node: Node, clock: FakeClock, random: Random) {
  const travel = (): Promise<void> =>
    node.isFrozen ? new Promise(() => {}) : new Promise((resolve) => void clock.after(1 + random.below(4), resolve))
  return { send: travel, back: travel, push: async () => {} }
}

const itemOf = (key: string) => ({
  key,
  body: new Uint8Array(8),
  expiresAt: Number.POSITIVE_INFINITY,
  asOf: { epoch: 'fleet', seq: 1 },
})
const sizes = (nodes: readonly Node[]): number[] => nodes.map(({ server }) => server.entries.size)
const mean = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0) / numbers.length

async function over<T>(work: Promise<T>, clock: FakeClock): Promise<T> {
  let isOver = false
  const ended = work.finally(() => {
    isOver = true
  })
  ended.catch(() => {})
  while (!isOver) await clock.run(TURN_MS)
  return ended
}

async function oneSecond(
  second: number,
  ring: DistributedTier,
  keys: readonly string[],
  nodes: readonly Node[],
  clock: FakeClock,
  random: Random,
): Promise<Sample> {
  let found = 0
  const took: number[] = []
  for (let batch = 0; batch < BATCHES; batch++) {
    const began = clock.monotonic()
    const read = ring.read(Array.from({ length: BATCH }, () => random.pick(keys)))
    void read.then((answers) => {
      found += answers.filter((answer) => answer !== undefined).length
      took.push(clock.monotonic() - began)
    })
    for (let ms = 0; ms < 1000 / BATCHES; ms += TURN_MS) await clock.run(TURN_MS)
    await over(read, clock)
  }
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const placed = keys.reduce(
    (sum, key) => sum + ring.ownersOf(key).filter((name) => byName.get(name)?.server.entries.has(key)).length,
    0,
  )
  took.sort((a, b) => a - b)
  return {
    second,
    found: found / (BATCH * BATCHES),
    placed: placed / (2 * keys.length),
    p99: took[Math.ceil(took.length * 0.99) - 1] ?? 0,
  }
}
