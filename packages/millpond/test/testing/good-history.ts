// Makes histories that an ideal cache could have left: every read shows a version that its instant allows.
import type { HistoryLine } from '../../src/testing/history.ts'
import { type Random, seededRandom } from '../../src/testing/random.ts'

export interface GoodOptions {
  readonly seed: number
  readonly operations: number
  readonly processes?: number
  readonly keys?: number
}

/** Time runs in steps of up to 10 ms; a peer lags up to 400 ms behind an ack, and never steps back. */
export function goodHistory({ seed, operations, processes = 3, keys = 4 }: GoodOptions): HistoryLine[] {
  const random = seededRandom(seed)
  const lines: HistoryLine[] = []
  const world: World = {
    random,
    lines,
    now: 1000,
    versions: new Map(),
    acks: new Map(),
    seen: new Map(),
    keys,
    processes,
    quiet: false,
  }
  for (let tag = 0; tag < keys; tag++)
    lines.push({ kind: 'tag', tag: `t${tag}`, keys: [`k${tag}`, `k${(tag + 1) % keys}`] })
  const windows = Math.ceil((operations * 5) / 100) + 40
  for (let process = 0; process < processes; process++) {
    for (let at = 0; at < windows; at++) {
      lines.push({
        kind: 'lag',
        process: `p${process}`,
        start: 900 + at * 100,
        end: 1000 + at * 100,
        lagMs: random.next() * 30,
      })
    }
  }
  for (let count = 0; count < operations; count++) {
    world.now += random.next() * 10
    if (random.chance(0.15)) change(world)
    else read(world)
  }
  const quiet = world.now + 1
  lines.push({ kind: 'quiet', at: quiet })
  world.now = quiet + 2001
  world.quiet = true
  for (let process = 0; process < processes; process++)
    for (let key = 0; key < keys; key++) read(world, `p${process}`, `k${key}`)
  return lines
}

interface World {
  readonly random: Random
  readonly lines: HistoryLine[]
  now: number
  readonly versions: Map<string, number>
  /** Per key: who acked what, and when peers know of it. */
  readonly acks: Map<string, { at: number; process: string; version: number; known: number }[]>
  readonly seen: Map<string, number>
  readonly keys: number
  readonly processes: number
  quiet: boolean
}

function change(world: World): void {
  const { random, lines, versions } = world
  const process = `p${random.below(world.processes)}`
  const key = `k${random.below(world.keys)}`
  const version = (versions.get(key) ?? 0) + 1
  versions.set(key, version)
  lines.push({ kind: 'commit', key, version, at: world.now })
  const start = world.now + 0.1
  const end = start + random.next() * 3
  const base = { kind: 'op', process, lane: random.below(3), start, end, acked: true } as const
  const how = random.below(3)
  const tag = `t${key.slice(1)}`
  if (how === 0) lines.push({ ...base, op: 'delete', key })
  else if (how === 1) lines.push({ ...base, op: 'set', key, version })
  else lines.push({ ...base, op: 'invalidateTags', tag })
  const bound = how === 2 ? [key, `k${(Number(key.slice(1)) + 1) % world.keys}`] : [key]
  for (const one of bound) {
    const list = world.acks.get(one) ?? []
    list.push({ at: end, process, version: versions.get(one) ?? 0, known: end + random.next() * 400 })
    world.acks.set(one, list)
  }
  world.now = end + 0.1
}

function read(
  world: World,
  process = `p${world.random.below(world.processes)}`,
  key = `k${world.random.below(world.keys)}`,
): void {
  const { random, lines } = world
  const start = world.now
  const end = start + random.next() * 2
  const latest = world.versions.get(key) ?? 0
  const bound = due(world, process, key)
  const floor = Math.max(world.seen.get(`${process} ${key}`) ?? 0, bound)
  const version = world.quiet ? latest : floor + random.below(latest - floor + 1)
  world.seen.set(`${process} ${key}`, version)
  lines.push({
    kind: 'op',
    process,
    lane: random.below(3),
    op: 'getOrSet',
    key,
    of: key,
    version,
    start,
    end,
    acked: true,
  })
  world.now = end
}

/** What the process must know by now. Acks that everybody knows are folded into what was seen. */
function due(world: World, process: string, key: string): number {
  const acks = world.acks.get(key) ?? []
  const open = acks.filter((ack) => ack.known >= world.now)
  for (const ack of acks) {
    if (ack.known >= world.now) continue
    for (let peer = 0; peer < world.processes; peer++) {
      const name = `p${peer} ${key}`
      world.seen.set(name, Math.max(world.seen.get(name) ?? 0, ack.version))
    }
  }
  world.acks.set(key, open)
  return Math.max(0, ...open.filter((ack) => ack.process === process && ack.at < world.now).map((ack) => ack.version))
}
