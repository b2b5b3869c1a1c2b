// One process of a step, as a thread: the memory of its cache, its client and its timers are its own; what is shared
// are the database and the counts that judge answers.
import { parentPort, workerData } from 'node:worker_threads'
import Database from 'libsql'
import { STEPS } from './steps.ts'

export interface Task {
  readonly step: number
  readonly file: string
  readonly url: string
  readonly seed: number
  readonly reads: number
  /**
   * For each organisation: the version of the last write that was acknowledged, and when that was (ms since `origin`).
   */
  readonly acknowledged: SharedArrayBuffer
  readonly acknowledgedAt: SharedArrayBuffer
  readonly origin: number
}

export interface Done {
  readonly reads: number
  readonly queries: number
  readonly old: number
  /** Old by a write that was acknowledged more than 500 ms before the read began. */
  readonly late: number
  readonly ms: readonly number[]
}

interface Report {
  readonly version: number
  readonly deals: number
  readonly value: number
}

const USERS = 4
/** One operation in as many is a write. */
const WRITES = 50

const { step: at, file, url, seed, reads, acknowledged, acknowledgedAt, origin }: Task = workerData
const { open, invalidates, isStrong } = STEPS[at] ?? fail()
const versions = new Int32Array(acknowledged)
const times = new Float64Array(acknowledgedAt)
const database = new Database(file)
database.pragma('busy_timeout = 5000')
const report = database.prepare(
  'select o.version, count(*) deals, sum(d.value) value from organizations o join deals d on d.organization = o.id where o.id = ?',
)
const bump = database.prepare('update organizations set version = version + 1 where id = ? returning version')
const raise = database.prepare('update deals set value = value + 1 where organization = ?')
const write = database.transaction((id: number) => {
  raise.run(id)
  return (bump.get(id) as { version: number }).version
})
const cache = open(url)
await cache?.get('anything')
let queries = 0
let old = 0
let late = 0
const ms: number[] = []
let state = seed

function fail(): never {
  throw new Error(`there is no step ${at}`)
}

/** mulberry32. */
function random(): number {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

/** A few organisations are asked for most. */
const anyone = (): number => Math.floor(random() ** 2 * versions.length)

function load(id: number): Report {
  queries++
  return report.get(id) as Report
}

async function read(id: number): Promise<void> {
  const [version, since] = [Atomics.load(versions, id), times[id] ?? 0]
  const begin = performance.now()
  const answer =
    cache === undefined
      ? load(id)
      : await cache.getOrSet(['report', id], () => load(id), {
          ttl: '1m',
          tags: [`organization:${id}`],
          ...(isStrong && { consistency: 'strong' }),
        })
  ms.push(performance.now() - begin)
  if (answer.version >= version) return
  old++
  if (begin + performance.timeOrigin - origin - since > 500) late++
}

async function change(id: number): Promise<void> {
  const version = write.immediate(id)
  if (invalidates) await cache?.invalidateTags([`organization:${id}`])
  // Another's later write may have been acknowledged before.
  if (version <= Atomics.load(versions, id)) return
  times[id] = performance.now() + performance.timeOrigin - origin
  Atomics.store(versions, id, version)
}

async function user(): Promise<void> {
  while (ms.length < reads) {
    await (random() * WRITES < 1 ? change(anyone()) : read(anyone()))
    // A service has other things to do between two requests.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

await Promise.all(Array.from({ length: USERS }, user))
await cache?.close()
database.close()
const done: Done = { reads: ms.length, queries, old, late, ms }
parentPort?.postMessage(done)
