// A sample of a cache's events for polling clients: without a client it does not listen.
import type { Cache, CacheEvents, EventName, Target } from 'millpond'
import { PROBE } from 'millpond/insight'
import { isError } from '../is-error.ts'
import type { Answered, TailRow } from './answers.ts'
import type { Asked } from './requests.ts'

/** A client that has not polled for this long is gone. */
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
  /** Invalidations are few and explain the rest: they are never sampled out. */
  readonly marks: TimedRow[]
  seen: number
  readonly askedAt: number
}

/** What rows say of each event. Errors of tiers and settings are left out: they are in the alerts and the audit log. */
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
  // Every process hears of it; one row is enough.
  invalidate: ({ id, namespace, targets, mode, note, isOwn }) =>
    isOwn
      ? {
          kind: 'invalidate',
          namespace,
          receipt: id,
          ...(note !== undefined && { detail: note }),
          mode: mode === 'expire' ? 'soft' : 'hard',
          targets: targets.slice(0, MOST_TARGETS).map((target) => ({ kind: target.kind, name: nameOf(target) })),
          more: Math.max(0, targets.length - MOST_TARGETS),
        }
      : undefined,
}

/**
 * Reservoir sampling (Vitter, "Random sampling with a reservoir", 1985, algorithm R): every event is equally likely to
 * be kept, however many there are.
 */
export class Tail {
  readonly #cache: Cache
  readonly #samples = new Map<string, Sample>()
  #stops: (() => void)[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(cache: Cache) {
    this.#cache = cache
  }

  /** Events since this client's last poll; the first poll only starts the sample. */
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

/** A key of 16,000 characters does not fit into a list row. */
const short = (row: Row): Row =>
  row.key === undefined || row.key.length <= MOST_KEY ? row : { ...row, key: row.key.slice(0, MOST_KEY), is_cut: true }

function nameOf(target: Target): string {
  if (target.kind === 'all') return ''
  return (target.kind === 'key' ? target.key : target.kind === 'tag' ? target.tag : target.pattern).slice(0, MOST_NAME)
}

const reasonOf = (error: unknown): string => (isError(error) ? error.message : String(error)).slice(0, 300)
