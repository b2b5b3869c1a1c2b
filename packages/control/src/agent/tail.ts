// A sample of what a cache does, for who asks again and again: nothing is listened to while nobody does.
import type { Cache, CacheEvents, EventName, Target } from 'millpond'
import { PROBE } from 'millpond/insight'
import { isError } from '../is-error.ts'
import type { Answered, TailRow } from './answers.ts'
import type { Asked } from './words.ts'

/** Who has not asked for so long is not there any more. */
const KEPT_MS = 5000
const MOST_ASKERS = 4
const MOST_KEY = 2048
const MOST_TARGETS = 5
const MOST_NAME = 200

type Row = Omit<TailRow, 'age_ms'>

type TimedRow = Row & { readonly at: number }

interface Sample {
  readonly limit: number
  readonly rows: TimedRow[]
  /** Invalidations are few, and explain the rest: none is left to chance. */
  readonly marks: TimedRow[]
  seen: number
  readonly askedAt: number
}

/**
 * What rows tell of each event. Those that are left out are errors of tiers and settings: alerts and the audit tell
 * them.
 */
const ROWS: { readonly [E in EventName]?: (detail: CacheEvents[E]) => Row | undefined } = {
  hit: ({ key, namespace, tier }) => ({ kind: 'hit', namespace, key, tier }),
  stale: ({ key, namespace, tier }) => ({ kind: 'stale', namespace, key, tier }),
  miss: ({ key, namespace, cause, receipt, detail }) => ({
    kind: 'miss',
    namespace,
    key,
    cause,
    ...(receipt !== undefined && { receipt }),
    ...(detail !== undefined && { detail }),
  }),
  load: ({ key, namespace, ms }) => ({ kind: 'load', namespace, key, ms }),
  loadError: ({ key, namespace, error }) => ({ kind: 'load_error', namespace, key, detail: reasonOf(error) }),
  set: ({ key, namespace }) => ({ kind: 'set', namespace, key }),
  delete: ({ key, namespace }) => ({ kind: 'delete', namespace, key }),
  // Every process is told of it; one row is enough.
  invalidate: ({ id, namespace, targets, mode, isOwn }) =>
    isOwn
      ? {
          kind: 'invalidate',
          namespace,
          receipt: id,
          mode: mode === 'expire' ? 'soft' : 'hard',
          targets: targets.slice(0, MOST_TARGETS).map((target) => ({ kind: target.kind, name: nameOf(target) })),
          more: Math.max(0, targets.length - MOST_TARGETS),
        }
      : undefined,
}

/**
 * Reservoir sampling (Vitter, "Random sampling with a reservoir", 1985, algorithm R): every event has the same chance,
 * however many there are.
 */
export class Tail {
  readonly #cache: Cache
  readonly #samples = new Map<string, Sample>()
  #stops: (() => void)[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(cache: Cache) {
    this.#cache = cache
  }

  /** What was seen since this asker's last question; the first only begins. */
  ask({ by, limit }: Asked<'tail'>): Answered['tail'] {
    const now = performance.now()
    const sample = this.#samples.get(by)
    if (sample === undefined && this.#samples.size >= MOST_ASKERS)
      throw new Error(`${MOST_ASKERS} control planes already follow this process`)
    this.#samples.set(by, { limit, rows: [], marks: [], seen: 0, askedAt: now })
    this.#listen()
    const rows = [...(sample?.rows ?? []), ...(sample?.marks ?? [])].sort((a, b) => a.at - b.at)
    return {
      rows: rows.map(({ at, ...row }) => ({ ...row, age_ms: Math.round(now - at) })),
      seen: (sample?.seen ?? 0) + (sample?.marks.length ?? 0),
    }
  }

  #listen(): void {
    if (this.#timer !== undefined) return
    this.#stops = EVENTS.map((event) => this.#hear(event))
    this.#timer = setInterval(() => this.#lookAround(), KEPT_MS)
    this.#timer.unref()
  }

  #hear<E extends EventName>(event: E): () => void {
    const rowOf = ROWS[event]
    return this.#cache.on(event, (detail) => {
      if (rowOf !== undefined) this.#take(detail, rowOf)
    })
  }

  #take<D extends CacheEvents[EventName]>(detail: D, rowOf: (detail: D) => Row | undefined): void {
    if ('namespace' in detail && detail.namespace === PROBE) return
    for (const sample of this.#samples.values()) {
      const isMark = 'targets' in detail
      const place = isMark
        ? sample.marks.length
        : sample.seen < sample.limit
          ? sample.rows.length
          : Math.floor(Math.random() * (sample.seen + 1))
      if (!isMark) sample.seen++
      if (place >= sample.limit) continue
      const row = rowOf(detail)
      if (row !== undefined) (isMark ? sample.marks : sample.rows)[place] = { ...short(row), at: performance.now() }
    }
  }

  #lookAround(): void {
    const now = performance.now()
    for (const [by, { askedAt }] of this.#samples) if (now - askedAt > KEPT_MS) this.#samples.delete(by)
    if (this.#samples.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
    for (const stop of this.#stops) stop()
    this.#stops = []
  }
}

const EVENTS = ['hit', 'stale', 'miss', 'load', 'loadError', 'set', 'delete', 'invalidate'] as const

/** A key of 16,000 characters is no line of a list. */
const short = (row: Row): Row =>
  row.key === undefined || row.key.length <= MOST_KEY ? row : { ...row, key: row.key.slice(0, MOST_KEY), is_cut: true }

function nameOf(target: Target): string {
  if (target.kind === 'all') return ''
  return (target.kind === 'key' ? target.key : target.kind === 'tag' ? target.tag : target.pattern).slice(0, MOST_NAME)
}

const reasonOf = (error: unknown): string => (isError(error) ? error.message : String(error)).slice(0, 300)
