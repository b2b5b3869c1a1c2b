// History in the store: 1 s for an hour, 1 min for a week, 1 h for 30 days. Seconds are stored a minute at a time;
// counters of a coarser step are the sum of the finer ones, gauges are their last values.
import type { Store } from '../store/store.ts'
import { joined, type Point } from './collector.ts'
import type { Usual } from './health.ts'

const SECOND = 1
const MINUTE = 60
const HOUR = 3600
const KEEP_MS: Readonly<Record<number, number>> = {
  [SECOND]: HOUR * 1000,
  [MINUTE]: 7 * 24 * HOUR * 1000,
  [HOUR]: 30 * 24 * HOUR * 1000,
}
/** The most points of one answer. */
const MOST_POINTS = 1000
/** How long the usual values are cached. */
const USUAL_MS = 60_000
const LEAST_SECONDS = 600
/**
 * How many recent minutes are compared, with how many earlier days, and how old a marker may be to explain a change.
 */
const COMPARED_MINUTES = 10
const COMPARED_DAYS = 7
const COMPARED_WEEKS = 4
/** How many minutes into an hour the comparison moves on to that hour. */
const LEAST_MINUTES = 5
const SUSPECT_MS = 2 * HOUR * 1000

/** The data of a regression check. */
export interface Before {
  /** The completed minutes of the last ten, all of one hour, since the usual values change with the hour. */
  readonly minutes: readonly Point[]
  /** This hour of the day, on earlier days. */
  readonly hours: readonly Point[]
  /** This hour of the week, in earlier weeks. */
  readonly weeks: readonly Point[]
  /** The latest marker, if it is recent: a deploy. */
  readonly marker: { readonly kind: string; readonly message: string; readonly at: string } | undefined
}

interface Pending {
  minute: number
  readonly points: Point[]
}

export class History {
  readonly #store: Store
  readonly #pending = new Map<string, Pending>()
  readonly #hours = new Map<string, Point | undefined>()
  readonly #before = new Map<string, { readonly at: number; readonly before: Before }>()
  readonly #usual = new Map<string, { readonly at: number; readonly usual: Usual }>()

  constructor(store: Store) {
    this.#store = store
  }

  /** Takes a second's point, and stores a minute once it is complete. */
  async add(cache: string, point: Point): Promise<void> {
    const minute = Math.floor((point.at - 1) / (MINUTE * 1000)) * MINUTE * 1000
    const pending = this.#pending.get(cache)
    if (pending === undefined) {
      this.#pending.set(cache, { minute, points: [point] })
      return
    }
    if (pending.minute !== minute) {
      this.#pending.set(cache, { minute, points: [point] })
      await this.#flush(cache, pending)
    } else pending.points.push(point)
  }

  /** Stores everything so far, including an incomplete minute: before the process ends. */
  async flush(): Promise<void> {
    for (const [cache, pending] of this.#pending) await this.#flush(cache, pending)
    this.#pending.clear()
  }

  async #flush(cache: string, { minute, points }: Pending): Promise<void> {
    const whole = joined(points)
    if (whole === undefined) return
    const hour = Math.floor(minute / (HOUR * 1000)) * HOUR * 1000
    await this.#store.write(async (tx) => {
      const keep = async (step: number, at: number, kept: readonly Point[]): Promise<void> => {
        const data = JSON.stringify(kept)
        await tx
          .insertInto('history')
          .values({ cache, step, at, data })
          .onConflict((conflict) => conflict.columns(['cache', 'step', 'at']).doUpdateSet({ data }))
          .execute()
      }
      await keep(SECOND, minute, points)
      await keep(MINUTE, minute, [whole])
      const held = await tx
        .selectFrom('history')
        .select('data')
        .where('cache', '=', cache)
        .where('step', '=', HOUR)
        .where('at', '=', hour)
        .executeTakeFirst()
      const sofar = held === undefined ? [] : pointsIn(held.data)
      await keep(HOUR, hour, [joined([...sofar, whole]) ?? whole])
      for (const [step, ms] of Object.entries(KEEP_MS))
        await tx
          .deleteFrom('history')
          .where('step', '=', Number(step))
          .where('at', '<', minute - ms)
          .execute()
    })
  }

  /**
   * The points between two instants, at least `step` seconds each: as fine as what is stored and what fits into one
   * answer.
   */
  async read(
    cache: string,
    from: number,
    to: number,
    step: number | undefined,
    now: number,
    recent: readonly Point[],
  ): Promise<{ step: number; points: Point[] }> {
    const wanted = Math.max(step ?? 0, (to - from) / 1000 / MOST_POINTS, SECOND)
    const source =
      wanted < MINUTE && from >= now - (KEEP_MS[SECOND] ?? 0)
        ? SECOND
        : wanted < HOUR && from >= now - (KEEP_MS[MINUTE] ?? 0)
          ? MINUTE
          : HOUR
    const rowMs = (source === HOUR ? HOUR : MINUTE) * 1000
    const rows = await this.#store.read
      .selectFrom('history')
      .select('data')
      .where('cache', '=', cache)
      .where('step', '=', source)
      .where('at', '>=', Math.floor(from / rowMs) * rowMs)
      .where('at', '<=', to)
      .orderBy('at')
      .execute()
    const stored = rows.flatMap(({ data }) => pointsIn(data))
    const last = stored.at(-1)?.at ?? Number.NEGATIVE_INFINITY
    const points = [...stored, ...recent.filter(({ at }) => at > last)].filter(({ at }) => at > from && at <= to)
    const stepMs = Math.max(source, Math.ceil(wanted)) * 1000
    return { step: stepMs / 1000, points: inSteps(points, stepMs) }
  }

  /** The last hour as one step, cached for a minute. */
  async lastHour(cache: string, now: number): Promise<Point | undefined> {
    await this.usual(cache, now)
    return this.#hours.get(cache)
  }

  /** Cached for a minute. */
  async before(cache: string, now: number): Promise<Before> {
    const known = this.#before.get(cache)
    if (known !== undefined && now - known.at < USUAL_MS) return known.before
    const hour = Math.floor((now - (LEAST_MINUTES + 1) * MINUTE * 1000) / (HOUR * 1000)) * HOUR * 1000
    const rows = this.#store.read.selectFrom('history').select('data').where('cache', '=', cache)
    const thisHour = async (count: number, days: number): Promise<Point[]> => {
      const at = Array.from({ length: count }, (_, back) => hour - (back + 1) * days * 24 * HOUR * 1000)
      const found = await rows.where('step', '=', HOUR).where('at', 'in', at).execute()
      return found.flatMap(({ data }) => pointsIn(data))
    }
    const minutes = await rows
      .where('step', '=', MINUTE)
      .where('at', '>', now - (COMPARED_MINUTES + 1) * MINUTE * 1000)
      .where('at', '>=', hour)
      .where('at', '<', hour + HOUR * 1000)
      .execute()
    const marker = await this.#store.read
      .selectFrom('markers')
      .select(['kind', 'message', 'at'])
      .where('at', '>', now - SUSPECT_MS)
      .orderBy('seq', 'desc')
      .executeTakeFirst()
    const before: Before = {
      minutes: minutes.flatMap(({ data }) => pointsIn(data)),
      hours: await thisHour(COMPARED_DAYS, 1),
      weeks: await thisHour(COMPARED_WEEKS, 7),
      marker: marker && { ...marker, at: new Date(Number(marker.at)).toISOString() },
    }
    this.#before.set(cache, { at: now, before })
    return before
  }

  /**
   * The usual values: the hit ratio at this hour of the week over four weeks (their median), and the loads of the last
   * hour once ten minutes of it are known.
   */
  async usual(cache: string, now: number): Promise<Usual> {
    const known = this.#usual.get(cache)
    if (known !== undefined && now - known.at < USUAL_MS) return known.usual
    const hour = Math.floor(now / (HOUR * 1000)) * HOUR * 1000
    const weeks = [1, 2, 3, 4].map((week) => hour - week * 7 * 24 * HOUR * 1000)
    const rows = this.#store.read.selectFrom('history').select('data').where('cache', '=', cache)
    const same = await rows.where('step', '=', HOUR).where('at', 'in', weeks).execute()
    const ratios = same
      .flatMap(({ data }) => pointsIn(data))
      .flatMap(({ counters: { hits = 0, misses = 0 } }) => (hits + misses > 0 ? [hits / (hits + misses)] : []))
      .sort((a, b) => a - b)
    const minutes = await rows
      .where('step', '=', MINUTE)
      .where('at', '>', now - HOUR * 1000)
      .execute()
    const last = joined(minutes.flatMap(({ data }) => pointsIn(data)))
    this.#hours.set(cache, last)
    const usual: Usual = {
      hitRatio: ratios[Math.floor((ratios.length - 1) / 2)],
      loadsPerSecond:
        last === undefined || last.seconds < LEAST_SECONDS ? undefined : (last.counters.loads ?? 0) / last.seconds,
    }
    this.#usual.set(cache, { at: now, usual })
    return usual
  }
}

function inSteps(points: readonly Point[], stepMs: number): Point[] {
  const steps = new Map<number, Point[]>()
  for (const point of points) {
    const end = Math.ceil(point.at / stepMs) * stepMs
    const step = steps.get(end)
    if (step === undefined) steps.set(end, [point])
    else step.push(point)
  }
  return [...steps]
    .sort(([a], [b]) => a - b)
    .flatMap(([at, of]) => {
      const whole = joined(of)
      return whole === undefined ? [] : [{ ...whole, at }]
    })
}

function pointsIn(data: string): Point[] {
  const points: unknown = JSON.parse(data)
  return Array.isArray(points) ? points : []
}
