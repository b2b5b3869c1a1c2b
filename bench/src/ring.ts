// `npm run bench:ring`: how evenly, stably and fast keys are placed, by ketama, by jump and by rendezvous hashing; and
// a fleet of a hundred nodes.
import { hash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { simulatedServer } from 'millpond/testing'
import { type DistributedNode, distributed } from 'millpond/tiers/distributed'
import { drawRegions } from './regions-drawing.ts'
import { judged, LONG, simulateRegions } from './regions-fleet.ts'
import { drawFleet } from './ring-drawing.ts'
import { simulateFleet } from './ring-fleet.ts'
import { printTable } from './table.ts'

const HELP = `usage: npm run bench:ring -- [options]
  --draws N       how many rings of other names are drawn (default 100)
  --keys N        keys of each (default 100000)
  --fleet FILE    simulate a fleet of 100 nodes in place of that, and draw what became of it into an SVG file
  --regions FILE  simulate 10 regions of 10 nodes each, and draw that`

/** Returns the index of the key's node. */
type Place = (key: number) => number
interface Way {
  readonly name: string
  /** Nodes of one weight. */
  readonly ring: (names: readonly string[]) => Place
  /** Whether any node can be removed, not only the last. */
  readonly removes: boolean
}

const { values } = parseArgs({
  options: {
    draws: { type: 'string', default: '100' },
    keys: { type: 'string', default: '100000' },
    fleet: { type: 'string' },
    regions: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(HELP)
else if (values.fleet !== undefined) {
  const fleet = await simulateFleet()
  writeFileSync(values.fleet, drawFleet(fleet))
  printTable([['', ''], ...fleet.lines])
} else if (values.regions !== undefined) {
  const fleet = await simulateRegions()
  writeFileSync(values.regions, drawRegions(fleet, LONG))
  const { lines, isKept } = judged(fleet)
  printTable([['', ''], ...lines])
  if (!isKept) process.exitCode = 1
} else compare(Number(values.draws), Number(values.keys))

function compare(draws: number, count: number): void {
  const keys = Array.from({ length: count }, (_, at) => `shop:default:product:${at}`)
  const digests = Float64Array.from(keys, (key) => hash('md5', key, 'buffer').readUInt32LE(0))
  const ways: readonly Way[] = [
    { name: 'ketama, 160 points', ring: (names) => ketama(names, digests), removes: true },
    { name: 'jump', ring: (names) => (key) => jump(digests[key] ?? 0, names.length), removes: false },
    { name: 'rendezvous (ours)', ring: (names) => ours(names, keys), removes: true },
  ]
  const rows = ways.map(({ name, ring, removes }) => {
    const fullest: number[] = []
    const added: number[] = []
    const removed: number[] = []
    for (let draw = 0; draw < draws; draw++) {
      const names = Array.from({ length: 6 }, (_, at) => `10.${draw}.0.${at}:6379`)
      const five = placesOf(ring(names.slice(0, 5)), count)
      fullest.push(Math.max(...countsOf(five, 5)) / (count / 5))
      if (draw >= 10) continue
      added.push(movedBetween(five, placesOf(ring(names), count)) * 6)
      if (!removes) continue
      const without = placesOf(ring(names.toSpliced(2, 1).slice(0, 4)), count).map((at) => (at >= 2 ? at + 1 : at))
      removed.push(movedBetween(five, without) * 5)
    }
    const over = fullest.filter((one) => one > 1.1).length
    return [
      name,
      Math.max(...fullest).toFixed(3),
      `${over} of ${draws}`,
      Math.max(...added).toFixed(3),
      removed.length === 0 ? 'not possible' : Math.max(...removed).toFixed(3),
      nanoseconds(ring, 5, count),
      nanoseconds(ring, 100, count),
    ]
  })
  const [, fullest, , added, , ns] = rows.at(-1) ?? []
  const head = ['', 'fullest of 5', 'above 1.1', 'moved by a 6th', 'moved by one less', 'ns, 5 nodes', 'ns, 100 nodes']
  printTable([head, ...rows])
  const isKept = Number(fullest) <= 1.1 && Number(added) <= 1.05 && Number(ns) <= 1000
  if (!isKept) process.exitCode = 1
  console.log(
    `to be kept by ours: fullest ${fullest} of 1.1 at most, moved ${added} of 1.05, ${ns} ns of 1000: ${isKept ? 'kept' : 'LOST'}`,
  )
  console.log(
    'fullest: times the mean, the worst draw. moved: times what must move. ketama and jump are given the digests of the keys, ours hashes them.',
  )
}

/** As libmemcached has it, for nodes of one weight. */
function ketama(names: readonly string[], digests: Float64Array): Place {
  const points = names.flatMap((name, at) =>
    Array.from({ length: 40 }, (_, n) => hash('md5', `${name}-${n}`, 'buffer')).flatMap((digest) =>
      [0, 4, 8, 12].map((offset) => ({ value: digest.readUInt32LE(offset), at })),
    ),
  )
  points.sort((a, b) => a.value - b.value)
  const values = Uint32Array.from(points, ({ value }) => value)
  return (key) => {
    const wanted = digests[key] ?? 0
    let [low, high] = [0, values.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((values[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return points[low === values.length ? 0 : low]?.at ?? 0
  }
}

/** Lamping and Veach, "A fast, minimal memory, consistent hash algorithm", 2014; with draws of 32 bits. */
function jump(digest: number, nodes: number): number {
  let [state, at, next] = [digest | 0, -1, 0]
  while (next < nodes) {
    at = next
    state = (state + 0x6d2b79f5) | 0
    let draw = Math.imul(state ^ (state >>> 15), state | 1)
    draw ^= draw + Math.imul(draw ^ (draw >>> 7), draw | 61)
    next = Math.floor((at + 1) / ((((draw ^ (draw >>> 14)) >>> 0) + 1) / 2 ** 32))
  }
  return at
}

/** By the tier itself. */
function ours(names: readonly string[], keys: readonly string[]): Place {
  const nodes = names.map((name): DistributedNode => ({ name, tier: simulatedServer().connect() }))
  const ring = distributed({ nodes, ledger: simulatedServer().connect(), replicas: 1 })
  const places = new Map(names.map((name, at) => [name, at]))
  return (key) => places.get(ring.ownersOf(keys[key] ?? '')[0] ?? '') ?? -1
}

function placesOf(place: Place, count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, key) => place(key))
}

function countsOf(places: Int32Array, nodes: number): number[] {
  const counts = new Array<number>(nodes).fill(0)
  for (const at of places) counts[at] = (counts[at] ?? 0) + 1
  return counts
}

function movedBetween(before: Int32Array, after: Int32Array): number {
  return before.filter((at, key) => after[key] !== at).length / before.length
}

/** CPU time of one placement, the best of seven rounds. */
function nanoseconds(ringOf: Way['ring'], nodes: number, count: number): string {
  const place = ringOf(Array.from({ length: nodes }, (_, at) => `10.0.${at}.1:6379`))
  const rounds = Array.from({ length: 7 }, () => {
    const before = process.cpuUsage()
    let sum = 0
    for (let key = 0; key < count; key++) sum += place(key)
    const { user, system } = process.cpuUsage(before)
    return sum < 0 ? 0 : ((user + system) * 1000) / count
  })
  return Math.min(...rounds).toFixed(0)
}
