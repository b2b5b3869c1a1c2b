// What the lanes of a worker do: mostly read, sometimes write to the truth and then tell the cache.
import type { Cache, LoadContext, LoadOptions, Receipt } from '../../src/index.ts'
import type { HistoryRecorder, Versioned } from '../../src/testing/history-recorder.ts'
import { type Random, seededRandom } from '../../src/testing/random.ts'
import type { Ask } from './messages.ts'
import { type Cell, KEYS, TAGS, tagOf, WRITE_WEIGHTS } from './plan.ts'

export interface LaneParts {
  readonly cell: Cell
  /** It only reads: what it does not know it can only have been told. */
  readonly readsOnly: boolean
  readonly cache: Cache
  readonly recorder: HistoryRecorder
  readonly ask: (question: Ask) => Promise<readonly number[] | undefined>
}

export interface Lanes {
  /** No new writes or reads; resolves when what was begun is acked. */
  drain(): Promise<void>
  /** Deletes until it acks. */
  repair(keys: readonly string[]): Promise<void>
  /** Reads every key in each lane, a few times. */
  readAll(): Promise<void>
}

const RETRY_MS = 60

/** Starts the lanes. */
export function startLanes(parts: LaneParts, seed: number): Lanes {
  const { cell } = parts
  let draining = false
  const lanes = Array.from({ length: cell.lanes }, (_, lane) =>
    runLane(parts, lane, seededRandom(seed + lane * 7919), () => draining),
  )
  const ended = Promise.all(lanes)
  return {
    async drain() {
      draining = true
      await ended
    },
    repair: (keys) =>
      untilAcked(() =>
        parts.recorder.change(
          0,
          'delete',
          { keys: keys.map((key) => ({ key })) },
          () => parts.cache.deleteMany(keys),
          isApplied,
        ),
      ),
    async readAll() {
      const random = seededRandom(seed)
      for (let round = 0; round < 4; round++) {
        for (const key of KEYS) await read(parts, round % cell.lanes, key, random, true)
        await sleep(30)
      }
    },
  }
}

async function runLane(parts: LaneParts, lane: number, random: Random, isDraining: () => boolean): Promise<void> {
  const { rate } = parts.cell
  while (!isDraining()) {
    if (!parts.readsOnly && random.chance(0.09)) await write(parts, lane, random)
    else if (!parts.readsOnly && random.chance(0.03)) await forgetSomething(parts, lane, random)
    else {
      for (let count = 1 + random.below(16); count > 0; count--) {
        const key = pickKey(random)
        if (random.chance(0.1)) await Promise.all([read(parts, lane, key, random), read(parts, lane, key, random)])
        else await read(parts, lane, key, random)
      }
    }
    await sleep((6 + random.next() * 18) / rate)
  }
}

async function read(
  { recorder, cache, ask }: LaneParts,
  lane: number,
  key: string,
  random: Random,
  always = false,
): Promise<void> {
  const way = always ? 1 : random.next()
  if (way < 0.05) await recorder.read(lane, 'peek', key, () => cache.peek<Versioned>(key))
  else if (way < 0.15) await recorder.read(lane, 'get', key, () => cache.get<Versioned>(key))
  else {
    const strong = !always && way > 0.97
    const options: LoadOptions = strong ? { ...optionsOf(key), consistency: 'strong' } : optionsOf(key)
    const loader = (context: LoadContext) => recorder.load(key, () => load(key, random, ask, context))
    await recorder.read(lane, 'getOrSet', key, () => cache.getOrSet<Versioned>(key, loader, options), strong)
  }
}

/**
 * Reads the truth at once or a little later, and returns at once, later, or much later: old loads are what
 * invalidations must beat.
 */
async function load(key: string, random: Random, ask: LaneParts['ask'], context: LoadContext): Promise<Versioned> {
  if (random.chance(0.2)) await sleep(random.next() * 10)
  const [version = 0] = (await ask({ ask: 'read', key })) ?? []
  const slow = random.next()
  if (slow < 0.3) await sleep(5 + random.next() * 25)
  else if (slow < 0.38) await sleep(50 + random.next() * 150)
  else if (slow < 0.4) await sleep(600 + random.next() * 300)
  if (learnsTagLate(key)) context.addTags(tagOf(key))
  return { key, version }
}

/** The tag of the last keys is only known when they have been loaded. */
const learnsTagLate = (key: string): boolean => key === 'k6' || key === 'k7'

function optionsOf(key: string): LoadOptions {
  const tags = learnsTagLate(key) ? [] : [tagOf(key)]
  // Short lives make promotion, refresh and stale answers take part.
  if (key === 'k3' || key === 'k5') return { tags, ttl: 400, staleFor: 1000, staleIfError: 3000, refreshAhead: 0.5 }
  return { tags, ttl: 60_000 }
}

async function write(parts: LaneParts, lane: number, random: Random): Promise<void> {
  const { cell, ask } = parts
  const first = pickWritten(random)
  const tag = tagOf(first)
  const keys = cell.scope === 'tag' ? (TAGS.get(tag) ?? []) : [first]
  const versions = await ask({ ask: 'commit', keys, lock: cell.policy === 'set' })
  if (versions === undefined) return
  if (random.chance(0.2)) await sleep(random.next() * 5)
  const written = keys.map((key, index) => ({ key, version: versions[index] ?? 0 }))
  await untilAcked((tries) => tell(parts, lane, tag, written, tries), random)
  await ask({ ask: 'done', keys })
}

/** An invalidation without a write: it adds no bound, but causes loads that others can race. */
async function forgetSomething({ recorder, cache }: LaneParts, lane: number, random: Random): Promise<void> {
  if (random.chance(0.1)) await recorder.change(lane, 'clear', {}, () => cache.clear(), isApplied)
  else {
    const key = pickKey(random)
    await recorder.change(lane, 'delete', { keys: [{ key }] }, () => cache.delete(key), isApplied)
  }
}

/**
 * Tells the cache what the truth has committed. A `set` whose fate is unknown is not repeated: the keys are deleted
 * instead.
 */
function tell(
  { cell, cache, recorder }: LaneParts,
  lane: number,
  tag: string,
  written: readonly Versioned[],
  tries: number,
): Promise<boolean> {
  const keys = written.map(({ key }) => ({ key }))
  if (cell.policy === 'tags')
    return recorder.change(lane, 'invalidateTags', { tag }, () => cache.invalidateTags([tag]), isApplied)
  if (cell.policy === 'set' && tries === 0) {
    const entries = written.map((one) => [one.key, one] as const)
    const [first] = entries
    const options = { tags: [tag], ttl: 60_000 }
    const work =
      entries.length === 1 && first !== undefined
        ? () => cache.set(...first, options)
        : () => cache.setMany(entries, options)
    return recorder.change(lane, 'set', { keys: written }, work)
  }
  const [only] = keys
  const work =
    keys.length === 1 && only !== undefined
      ? () => cache.delete(only.key)
      : () => cache.deleteMany(keys.map(({ key }) => key))
  return recorder.change(lane, 'delete', { keys }, work, isApplied)
}

/** What is only kept in the outbox is no ack. */
function isApplied(receipt: Receipt): boolean {
  return receipt.isApplied
}

async function untilAcked(attempt: (tries: number) => Promise<boolean>, random?: Random): Promise<void> {
  for (let tries = 0; !(await attempt(tries)); tries++) await sleep(RETRY_MS * (0.5 + (random?.next() ?? 0.5)))
}

/** The first keys are read more often. */
function pickKey(random: Random): string {
  return KEYS[Math.floor(KEYS.length * random.next() ** 1.5)] ?? KEYS[0]
}

const TOTAL_WEIGHT = WRITE_WEIGHTS.reduce<number>((sum, weight) => sum + weight, 0)

function pickWritten(random: Random): string {
  let left = random.next() * TOTAL_WEIGHT
  for (const [index, weight] of WRITE_WEIGHTS.entries()) {
    left -= weight
    if (left < 0) return KEYS[index] ?? KEYS[0]
  }
  return KEYS[0]
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
