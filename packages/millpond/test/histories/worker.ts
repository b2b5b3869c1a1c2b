// A process of a history: a cache, its lanes, and a file of lines.
import { closeSync, openSync, writeSync } from 'node:fs'
import { keyring } from '../../src/codec/index.ts'
import type { Change, LedgerStore, Tier } from '../../src/core/contracts.ts'
import { isDomestic } from '../../src/core/relay.ts'
import { createCache, memory, type RouteRule } from '../../src/index.ts'
import { type HistoryLine, historyTime } from '../../src/testing/history.ts'
import { recordHistory } from '../../src/testing/history-recorder.ts'
import { seededRandom } from '../../src/testing/random.ts'
import { sqliteOutbox } from '../../src/tiers/sqlite/outbox.ts'
import { startLanes } from './lanes.ts'
import type { Ask, FromSupervisor, FromWorker, RingChange, WorkerOptions } from './messages.ts'
import { isHidden, isRerouted, isSealed, REGION_LAG_MS } from './plan.ts'
import type { RegionsAt, RingAt } from './shared-tier.ts'

const options: WorkerOptions = JSON.parse(process.argv[2] ?? '{}')
const file = openSync(options.file, 'a')
const recorder = recordHistory({
  process: options.process,
  write: writeLines,
})

function writeLines(lines: readonly HistoryLine[]): void {
  writeSync(file, `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`)
}

function crash(what: string): (error: unknown) => void {
  return (error) =>
    say({
      tell: 'crashed',
      detail: `${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    })
}
process.on('unhandledRejection', crash('unhandled rejection'))
process.on('uncaughtException', crash('uncaught exception'))
// A supervisor that is gone needs nothing any more.
process.on('disconnect', () => process.exit(1))

function say(message: FromWorker): void {
  process.send?.(message)
}

const waiting = new Map<number, (answer: readonly number[] | undefined) => void>()
let questions = 0

function ask(question: Ask): Promise<readonly number[] | undefined> {
  const id = ++questions
  return new Promise((resolve) => {
    waiting.set(id, resolve)
    say({ ...question, id })
  })
}

async function openTier(): Promise<Tier[]> {
  const { shared } = options.cell
  if (shared === 'sqlite') return [(await import('../../src/tiers/sqlite/index.ts')).sqlite({ path: options.at })]
  if (shared === 'postgres')
    return [(await import('../../src/tiers/postgres/index.ts')).postgres(JSON.parse(options.at))]
  if (shared === 'none') return []
  if (shared === 'memcached' || shared === 'file') return openOverLedger(shared)
  if (shared === 'ring') return [await openRing()]
  if (shared === 'regions') return [await openRegion()]
  return [(await import('../../src/tiers/redis/index.ts')).redis(JSON.parse(options.at))]
}

/** A tier that cannot keep the ledger, over one that does. */
async function openOverLedger(shared: 'memcached' | 'file'): Promise<Tier[]> {
  if (shared === 'file') {
    const { file } = await import('../../src/tiers/file/index.ts')
    // So small that segments come and go.
    return [
      file({ path: `${options.at}-entries`, maxBytes: 1_048_576, upkeepEvery: 50 }),
      (await import('../../src/tiers/sqlite/index.ts')).sqlite({ path: options.at }),
    ]
  }
  const at: { servers: string; ledger: string } = JSON.parse(options.at)
  const { memcached } = await import('../../src/tiers/memcached/index.ts')
  return [
    memcached({ servers: at.servers, retryAfter: 100 }),
    (await import('../../src/tiers/redis/index.ts')).redis({ url: at.ledger }),
  ]
}

/** What is done to the ring of this process, where it has one. */
let changeRing = (_change: RingChange): void => {}

async function openRing(): Promise<Tier> {
  const at: RingAt = JSON.parse(options.at)
  const [{ distributed }, { redis }, { memcached }] = await Promise.all([
    import('../../src/tiers/distributed/index.ts'),
    import('../../src/tiers/redis/index.ts'),
    import('../../src/tiers/memcached/index.ts'),
  ])
  const nodes = {
    a: () => ({ name: 'a', tier: redis({ url: at.redis[0] ?? '' }) }),
    b: () => ({ name: 'b', tier: redis({ url: at.redis[1] ?? '' }) }),
    c: () => ({ name: 'c', tier: memcached({ servers: at.memcached, retryAfter: 100 }) }),
    d: () => ({ name: 'd', tier: redis({ url: at.spare }) }),
  }
  const ring = distributed({ nodes: [nodes.a(), nodes.b(), nodes.c()], ledger: redis({ url: at.ledger }) })
  const changes: Record<Exclude<RingChange, 'undone'>, readonly [() => Promise<unknown>, () => Promise<unknown>]> = {
    added: [() => ring.add(nodes.d()), () => ring.remove('d')],
    removed: [() => ring.remove('a'), () => ring.add(nodes.a())],
    reweighed: [() => ring.reweigh('b', 9), () => ring.reweigh('b', 1)],
  }
  let undo: (() => Promise<unknown>) | undefined
  changeRing = (change) => {
    const [work, back] = change === 'undone' ? [undo, undefined] : changes[change]
    undo = back
    work?.().catch(crash('a change of the ring'))
  }
  return ring
}

async function openRegion(): Promise<Tier> {
  const { region, us, eu }: RegionsAt = JSON.parse(options.at)
  const [{ edge }, { redis }] = await Promise.all([
    import('../../src/tiers/edge/index.ts'),
    import('../../src/tiers/redis/index.ts'),
  ])
  const regions = { us: { ledger: redis({ url: us }) }, eu: { ledger: redis({ url: eu }) } }
  noteSweeps(regions[region].ledger.ledger)
  return edge({
    regions,
    region,
    origin: 'us',
    replicate: true,
    maxRegionLag: REGION_LAG_MS,
  })
}

/** What the region does by itself outdates loads as what a lane does would, and no operation tells of it. */
function noteSweeps(ledger: LedgerStore): void {
  const advance = ledger.advance.bind(ledger)
  Object.assign(ledger, {
    advance: async (namespace: string, change: Change) => {
      const start = historyTime()
      const note = (): void => {
        if (isDomestic(change.id)) writeLines([{ kind: 'sweep', process: options.process, start, end: historyTime() }])
      }
      return advance(namespace, change).finally(note)
    },
  })
}

const outbox = options.outbox === undefined ? undefined : sqliteOutbox({ path: options.outbox })
const cache = createCache({
  name: 'history',
  tiers: [memory({ maxEntries: 1000 }), ...(await openTier())],
  ...(outbox === undefined ? {} : { outbox }),
  ...(isSealed(options.cell) && {
    codec: {
      encrypt: keyring({ current: 'k', keys: { k: new Uint8Array(32).fill(7) } }),
      ...(isHidden(options.cell) && { keyNames: new Uint8Array(32).fill(9) }),
    },
  }),
})
/** Until the lanes come to rest: every way, some ways for some, and at times nowhere. */
function startRerouting(seed: number): () => void {
  if (!isRerouted(options.cell)) return () => {}
  const random = seededRandom(seed)
  const [, upper = '', ledger = ''] = cache.describe().tiers.map(({ name }) => name)
  const routes: readonly RouteRule[][] = [
    [],
    [{ tiers: ['memory', ledger] }],
    [{ tiers: [upper] }],
    [{ tiers: ['memory'] }],
    [{ when: { tags: ['t0', 't1'] }, tiers: [upper] }, { except: [upper] }],
    [
      { when: { tags: ['t0', 't2'] }, tiers: [ledger] },
      { when: { tags: ['t3'] }, tiers: [] },
    ],
  ]
  const timer = setInterval(() => {
    if (random.chance(0.3))
      cache.configure({ route: routes[random.below(routes.length)] ?? [] }).catch(crash('a change of the route'))
  }, 100)
  return () => clearInterval(timer)
}

const seed = options.cell.seed + [...options.process].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7)
const stopRerouting = startRerouting(seed)
const lanes = startLanes({ cell: options.cell, readsOnly: options.readsOnly, cache, recorder, ask }, seed)

const ORDERS = {
  drain: () => {
    stopRerouting()
    return lanes.drain().then(() => say({ tell: 'drained' }))
  },
  repair: (keys: readonly string[]) => lanes.repair(keys).then(() => say({ tell: 'repaired' })),
  final: () => lanes.readAll().then(() => say({ tell: 'finished' })),
  close: async () => {
    await cache.close()
    recorder.close()
    closeSync(file)
    process.disconnect()
    process.removeAllListeners('disconnect')
  },
}

process.on('message', (message: FromSupervisor) => {
  if ('id' in message) {
    waiting.get(message.id)?.(message.answer)
    waiting.delete(message.id)
  } else if (message.order === 'repair') void ORDERS.repair(message.keys)
  else if (message.order === 'ring') {
    changeRing(message.change)
    say({ tell: 'changed' })
  } else void ORDERS[message.order]()
})
say({ tell: 'ready' })
