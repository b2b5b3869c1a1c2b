// A cache's events as log lines. Only events at the log's level are listened to: individual reads and writes cost
// nothing unless they are logged.
import { type Check, withMethods } from '../core/checks.ts'
import { counted } from '../core/counted.ts'
import type { CacheEvents, EventName, Events } from '../core/events.ts'
import { LEVELS, type Level, type Log, type LogFields } from './log.ts'

interface Line {
  readonly level: Level
  /** `event.action`. */
  readonly event: string
  readonly message: string
  /** While a tier or a source is away, one line per second is enough; it says how many were left out. */
  readonly isLimited?: boolean
  readonly error?: unknown
}
type Told<E extends EventName> = (detail: CacheEvents[E]) => Line

const EVERY_MS = 1000
const line = (level: Level, event: string, message: string, more: Pick<Line, 'isLimited' | 'error'> = {}): Line => ({
  level,
  event,
  message,
  ...more,
})
const limited = (error?: unknown): Pick<Line, 'isLimited' | 'error'> => ({
  isLimited: true,
  ...(error !== undefined && { error }),
})

/** The highest level of an event's lines, and the line itself. */
const LINES: { readonly [E in EventName]: readonly [gravest: Level, told: Told<E>] } = {
  hit: ['debug', ({ tier }) => line('debug', 'cache.hit', `found in ${tier}`)],
  miss: ['debug', ({ cause }) => line('debug', 'cache.miss', `no tier could answer: ${cause}`)],
  stale: ['debug', ({ tier }) => line('debug', 'cache.stale', `answered with a stale value from ${tier}`)],
  load: ['debug', ({ ms }) => line('debug', 'cache.load', `loaded in ${ms.toFixed(1)} ms`)],
  set: ['debug', () => line('debug', 'cache.set', 'set')],
  delete: ['debug', () => line('debug', 'cache.delete', 'deleted')],
  removal: ['debug', ({ reason }) => line('debug', 'cache.removal', `left memory: ${reason}`)],
  loadError: ['warn', ({ error }) => line('warn', 'load.failed', 'a loader failed', limited(error))],
  invalidate: [
    'info',
    ({ isOwn, reason, targets: { length } }) =>
      line(isOwn ? 'info' : 'debug', 'cache.invalidate', `invalidated ${counted(length, 'target')}: ${reason}`),
  ],
  tierError: [
    'warn',
    ({ tier, verb, error }) => line('warn', 'tier.failed', `${tier}: ${verb} failed`, limited(error)),
  ],
  tierRefused: [
    'warn',
    ({ tier, why }) => line('warn', 'tier.refused', `${tier} did not store an entry: ${why}`, limited()),
  ],
  rejected: [
    'warn',
    ({ tier, why }) => line('warn', 'tier.rejected', `bytes from ${tier} were rejected: ${why}`, limited()),
  ],
  breaker: [
    'error',
    ({ tier, state }) => line(state === 'open' ? 'error' : 'info', `breaker.${state}`, `${tier} is ${BREAKER[state]}`),
  ],
  ledger: ['error', ({ state }) => line(LEDGER[state][0], `ledger.${state}`, LEDGER[state][1])],
  settings: [
    'info',
    ({ changes: { length } }) => line('info', 'settings.changed', `${counted(length, 'setting')} changed`),
  ],
  writeBehind: [
    'error',
    ({ collection, state, error }) =>
      line(
        QUEUE[state],
        `write_behind.${state}`,
        `writes of ${collection}: ${state}`,
        state === 'failed' ? limited(error) : { error },
      ),
  ],
  erased: [
    'info',
    ({ isOwn }) =>
      line(
        'info',
        'cache.erased',
        isOwn ? 'erased here and elsewhere' : 'this process has done its part of an erasure started elsewhere',
      ),
  ],
  warm: [
    'warn',
    ({ plan, state, warmed, failed }) =>
      line(
        state === 'progress' ? 'debug' : failed > 0 ? 'warn' : 'info',
        `warm.${state}`,
        `warming ${plan}: ${state}, ${warmed} warmed, ${failed} failed`,
      ),
  ],
  guard: [
    'error',
    ({ guard, state, error }) =>
      line(
        state === 'open' || state === 'error_threshold' ? 'error' : 'info',
        `guard.${state}`,
        `the guard ${guard} is ${state}`,
        {
          error,
        },
      ),
  ],
  job: ['error', ({ job, state, error }) => line(JOB[state], `job.${state}`, `the job ${job}: ${state}`, { error })],
  warning: ['warn', ({ message, error }) => line('warn', 'cache.warning', message, limited(error))],
}

const BREAKER = { closed: 'used again', open: 'bypassed until it answers again', 'half-open': 'tried again' } as const
const LEDGER = {
  up: ['info', 'the ledger answers again'],
  down: ['error', 'the ledger does not answer: memory is not trusted'],
  epoch: ['warn', 'the history of the ledger was lost: memory was dropped'],
  gap: ['warn', 'invalidations by other processes were missed: memory was dropped'],
} as const
const QUEUE = { stored: 'debug', failed: 'warn', dead: 'error', recovered: 'info', left: 'warn' } as const
const JOB = { late: 'warn', began: 'debug', done: 'debug', retried: 'warn', failed: 'error', lost: 'error' } as const

/** The validation of the option `log`. */
export const aLog: Check<Log> = withMethods<Log>(
  "a log: createLog({ level: 'info' })",
  'debug',
  'info',
  'warn',
  'error',
)

/** Writes a line for each event from now on. */
export function logEvents(cache: string, events: Events, log: Log, now: () => number): void {
  const lowest = LEVELS.indexOf(log.level)
  const pace = new Pace(now)
  const follow = <E extends EventName>(name: E): void => {
    const [gravest, told] = LINES[name]
    if (LEVELS.indexOf(gravest) < lowest) return
    events.on(name, (detail) => {
      const { level, event, message, isLimited = false, error } = told(detail)
      const { left, isDue } = isLimited ? pace.of(event, placeOf(detail)) : ALWAYS
      if (!isDue) return
      const fields = { ...fieldsOf(detail, gravest === 'debug'), ...(left > 0 && { left_out: left }) }
      log[level](event, message, { millpond: { cache, ...fields }, ...(error !== undefined && { error }) })
    })
  }
  for (const name of Object.keys(LINES)) if (isEvent(name)) follow(name)
}

const isEvent = (name: string): name is EventName => Object.hasOwn(LINES, name)

const ALWAYS = { left: 0, isDue: true } as const

/** Tenants come and go. */
const MOST_KINDS = 1000

/**
 * At most one line of a kind per second: of an event at a place, and beyond a number of places of an event anywhere.
 */
class Pace {
  readonly #now: () => number
  /** In order of the last line, oldest first. */
  readonly #kinds = new Map<string, { at: number; left: number }>()

  constructor(now: () => number) {
    this.#now = now
  }

  of(event: string, place: string): { readonly left: number; readonly isDue: boolean } {
    const at = this.#now()
    const kind = this.#kindOf(event, place, at)
    const last = this.#kinds.get(kind)
    if (last !== undefined && at - last.at < EVERY_MS && at >= last.at) {
      last.left++
      return { left: last.left, isDue: false }
    }
    this.#kinds.delete(kind)
    this.#kinds.set(kind, { at, left: 0 })
    return { left: last?.left ?? 0, isDue: true }
  }

  #kindOf(event: string, place: string, at: number): string {
    const kind = `${event} ${place}`
    if (this.#kinds.size < MOST_KINDS || this.#kinds.has(kind)) return kind
    const [oldest] = this.#kinds
    if (oldest === undefined || at - oldest[1].at < EVERY_MS) return event
    this.#kinds.delete(oldest[0])
    return kind
  }
}

const placeOf = (detail: object): string =>
  ['tier', 'namespace', 'collection', 'verb', 'why', 'message']
    .map((name) => String(Reflect.get(detail, name) ?? ''))
    .join(' ')

/**
 * Numbers, names and states unchanged; for invalidations the kinds and counts. Keys only for individual reads and
 * writes, which are only logged at `debug`.
 */
function fieldsOf(detail: object, withKey: boolean): LogFields {
  return Object.fromEntries(
    Object.entries(detail).flatMap(([field, value]: [string, unknown]): [string, unknown][] => {
      if (field === 'error' || field === 'message') return []
      if (field === 'key') return withKey ? [[field, value]] : []
      if (field === 'targets') return [['targets', Array.isArray(value) ? value.length : 0]]
      if (field === 'writes') return [['writes', Array.isArray(value) ? value.length : 0]]
      return [[field, value]]
    }),
  )
}
