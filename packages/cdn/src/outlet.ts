// Sends the library's invalidations to the edge: after every process has applied them, coalesced, at the permitted
// rate, once more when the last old response can have left, and then probed.
//
// Pending work stays in the cache's outbox until it is settled, so that a crash may cause an extra purge but never
// loses one.
import type { Outlet, OutletBatch, OutletDebt, OutletLine, Target } from 'millpond'
import {
  check,
  type Duration,
  duration,
  flag,
  fn,
  listOf,
  oneOf,
  parseDuration,
  type Shape,
  text,
} from 'millpond/options'
import { pause, type Time } from './clock.ts'
import { edgeTargets } from './edge-targets.ts'
import { CdnError } from './errors.ts'
import type { CdnIssue } from './issue.ts'
import type { Probe, ProbeResult } from './probe.ts'
import type { EdgePurger } from './purge.ts'
import { PurgeQueue } from './purge-queue.ts'
import type { PurgeTask } from './purge-task.ts'
import { type PurgeTarget, type PurgeTargetLike, targetsOf } from './target.ts'

export interface CdnOutletOptions {
  /** The name of its outbox records and its part of receipts. Default `'cdn'`. */
  readonly name?: string | undefined
  /** Names of edges. Default: all. */
  readonly edges?: readonly string[] | undefined
  /** Namespaces whose values reach an edge; others are ignored. Default: all. */
  readonly namespaces?: readonly string[] | undefined
  /**
   * What to purge for a target of an invalidation. Default `edgeTargets`: tags by their names, URLs as URLs, a whole
   * namespace as everything; other keys are ignored.
   */
  readonly map?: ((target: Target, line: OutletLine, namespace: string) => readonly PurgeTargetLike[]) | undefined
  /**
   * When everything is purged a second time, which removes responses that left before the invalidation and reached the
   * edge after the purge. Default: when the cache's longest load is over (`timeout.hard`), at most a minute. `false`:
   * never.
   */
  readonly again?: Duration | false | undefined
  /**
   * What to do if rate limits would delay purges for longer than `stormAfter`: wait, or purge everything in one
   * request. Default `'queue'`.
   */
  readonly onStorm?: 'queue' | 'purge-everything' | undefined
  /** Default `'1m'`. */
  readonly stormAfter?: Duration | undefined
  /** Mark as stale what an invalidation only expires, if the vendor supports it. Default `true`. */
  readonly soft?: boolean | undefined
  /**
   * URLs at the edge that are probed before a target is purged and after it. Default: a URL target itself, and none for
   * other targets.
   */
  readonly sample?: ((target: PurgeTarget) => readonly string[]) | undefined
  /**
   * Called with targets that cannot be purged, and those that a probe found old after three purges. Default: a warning
   * on the console.
   */
  readonly onTrouble?: ((trouble: CdnIssue) => void) | undefined
}

/** The progress of an invalidation at the edge. */
export interface CdnProgress {
  /**
   * `waiting` for processes to apply it, or for the vendor's limit; `purged` once; `settled`: purged again, and probed
   * if there was something to probe.
   */
  readonly state: 'waiting' | 'purged' | 'settled'
  /** Milliseconds until it is purged. */
  readonly leftMs: number
  /** How many targets the invalidation has at the edge. */
  readonly targets: number
  /** Results of the probes so far, by verdict. */
  readonly probes: { readonly gone: number; readonly old: number; readonly unknown: number }
}

/** The state of an outlet. */
export interface CdnOutletState {
  /** The name given in its options. */
  readonly name: string
  /** Targets that wait for their first purge. */
  readonly waiting: number
  /** Milliseconds until they would all be purged; an estimate. */
  readonly leftMs: number
  /** Purged targets, and purges that were saved because one was already waiting. */
  readonly purged: number
  /** Purges that were saved because one of the same target was already waiting. */
  readonly coalesced: number
  /** How often everything was purged because rate limits would have delayed purges too long. */
  readonly storms: number
  /**
   * How often a target could not be purged, including attempts that are retried, or was found old after its last purge.
   */
  readonly failures: number
  /** Results of all probes, by verdict. */
  readonly probes: { readonly gone: number; readonly old: number; readonly unknown: number }
}

export interface CdnOutlet extends Outlet {
  /** By the id of a receipt; of the last 1,000. `undefined`: unknown, or it does not concern an edge. */
  progress(receiptId: string): CdnProgress | undefined
  /** Its queue and counts, now. */
  state(): CdnOutletState
  /** Resolves when nothing is waiting and no second purge is pending. */
  idle(): Promise<void>
}

export const OUTLET: Shape<CdnOutletOptions> = {
  name: text,
  edges: listOf(text, 'names of edges'),
  namespaces: listOf(text, 'names of namespaces'),
  map: fn('a function from a target to what depends on it'),
  again: check(
    (value): value is Duration | false => value === false || parseDuration(value, 'again') >= 0,
    'a time, or false',
  ),
  onStorm: oneOf('queue', 'purge-everything'),
  stormAfter: duration,
  soft: flag,
  sample: fn('a function from a target to addresses'),
  onTrouble: fn('a function that receives problems'),
}

const KEPT = 1000
const LONGEST_AGAIN_MS = 60_000
const HEARD_PAUSE_MS = 1000
/** The most targets in a warning. */
const MAX_SHOWN = 5

export interface OutletParts {
  readonly purgers: readonly EdgePurger[]
  readonly time: Time
  readonly look: (urls: readonly string[]) => Promise<readonly ProbeResult[]>
  readonly closing: AbortSignal
}

/** @param options validated */
export function cdnOutlet(options: CdnOutletOptions, parts: OutletParts): CdnOutlet {
  return new EdgeOutlet(options, parts)
}

type Verdicts = Record<Probe['verdict'], number>

/** Its methods are defined on the class, since the library checks each own member of an outlet. */
class EdgeOutlet implements CdnOutlet {
  readonly name: string
  readonly namespaces: readonly string[] | undefined
  readonly #options: CdnOutletOptions
  readonly #parts: OutletParts
  readonly #queues: readonly PurgeQueue[]
  readonly #kept = new Map<string, TrackedPurge>()
  readonly #probes: Verdicts = { gone: 0, old: 0, unknown: 0 }
  #failures = 0
  /** Records that an earlier process left. */
  #isTakingUp = false

  constructor(options: CdnOutletOptions, parts: OutletParts) {
    this.name = options.name ?? 'cdn'
    this.namespaces = options.namespaces
    this.#options = options
    this.#parts = parts
    const isPatient = options.onStorm !== 'purge-everything'
    const queueOptions = {
      time: parts.time,
      closing: parts.closing,
      stormAfterMs: isPatient ? Number.POSITIVE_INFINITY : parseDuration(options.stormAfter ?? '1m', 'stormAfter'),
      sample: options.sample ?? ((target: PurgeTarget) => (target.kind === 'url' ? [target.url] : [])),
      look: parts.look,
      onTrouble: (one: CdnIssue) => this.#tell(one),
      onProbe: ({ verdict }: Probe) => {
        this.#probes[verdict]++
      },
    }
    this.#queues = parts.purgers.map((purger) => new PurgeQueue(purger, queueOptions))
  }

  async deliver(batch: OutletBatch): Promise<OutletDebt | undefined> {
    const { soft = true } = this.#options
    const againMs = this.#againMs(batch)
    if (!this.#isTakingUp && batch.lines.some(({ isLeft }) => isLeft === true)) {
      this.#isTakingUp = true
      for (const purger of this.#parts.purgers) purger.drain()
    }
    const tasks: PurgeTask[] = []
    for (const line of batch.lines) {
      const targets = this.#targetsOf(line, batch.namespace)
      if (targets.length === 0) continue
      const own = this.#queues.map((queue) => queue.expect(targets, { soft: soft && line.mode === 'expire', againMs }))
      remember(this.#kept, line.id, { tasks: own, count: targets.length })
      tasks.push(...own)
    }
    if (tasks.length === 0) return undefined
    void begin(batch, tasks, this.#parts.time, this.#parts.closing)
    return {
      state: 'queued',
      leftMs: this.#leftMs(),
      gone: Promise.all(tasks.map((task) => task.purged)),
      done: Promise.all(tasks.map((task) => task.settled)),
    }
  }

  progress(id: string): CdnProgress | undefined {
    const one = this.#kept.get(id)
    if (one === undefined) return undefined
    const state = one.tasks.every((task) => task.isSettled)
      ? 'settled'
      : one.tasks.every((task) => task.isPurged)
        ? 'purged'
        : 'waiting'
    const probes: Verdicts = { gone: 0, old: 0, unknown: 0 }
    for (const task of one.tasks) for (const verdict of task.verdicts) probes[verdict]++
    return { state, leftMs: state === 'waiting' ? this.#leftMs() : 0, targets: one.count, probes }
  }

  state(): CdnOutletState {
    const total = (of: (queue: PurgeQueue) => number): number => this.#queues.reduce((sum, queue) => sum + of(queue), 0)
    return {
      name: this.name,
      waiting: total((queue) => queue.waiting),
      leftMs: this.#leftMs(),
      purged: total((queue) => queue.purged),
      coalesced: total((queue) => queue.coalesced),
      storms: total((queue) => queue.storms),
      failures: this.#failures,
      probes: { ...this.#probes },
    }
  }

  async idle(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.idle()))
  }

  #leftMs(): number {
    return Math.round(Math.max(0, ...this.#queues.map((queue) => queue.leftMs())))
  }

  #againMs({ longestLoadMs = LONGEST_AGAIN_MS }: OutletBatch): number | undefined {
    const { again } = this.#options
    if (again === false) return undefined
    return again === undefined ? Math.min(LONGEST_AGAIN_MS, longestLoadMs) : parseDuration(again, 'again')
  }

  #targetsOf(line: OutletLine, namespace: string): readonly PurgeTarget[] {
    const { map = edgeTargets } = this.#options
    try {
      const all = line.targets.flatMap((target) => map(target, line, namespace))
      return all.length === 0 ? [] : targetsOf(all)
    } catch (cause) {
      // A redelivery would fail the same way.
      const error =
        cause instanceof CdnError ? cause : new CdnError('TARGET_INVALID', `map has failed: ${String(cause)}`)
      this.#tell({ edge: this.name, targets: line.targets.map(wordOf), isTriedAgain: false, error })
      return []
    }
  }

  #tell(trouble: CdnIssue): void {
    this.#failures += trouble.targets.length
    const { onTrouble } = this.#options
    try {
      if (onTrouble === undefined) warn(trouble)
      else onTrouble(trouble)
    } catch (error) {
      // A failing listener must not prevent a purge.
      console.warn(`[millpond] [${trouble.edge}] onTrouble has failed:`, error)
    }
  }
}

function warn({ edge, targets, error, probe }: CdnIssue): void {
  const more = targets.length > MAX_SHOWN ? ` and ${targets.length - MAX_SHOWN} more` : ''
  console.warn(`[millpond] [${edge}] ${targets.slice(0, MAX_SHOWN).join(', ')}${more}: ${error?.message ?? probe?.why}`)
}

function wordOf(target: Target): string {
  return target.kind === 'key' ? target.key : target.kind === 'tag' ? target.tag : target.kind
}

interface TrackedPurge {
  readonly tasks: readonly PurgeTask[]
  readonly count: number
}

/**
 * Purged when all processes have applied it, or the time limit has passed. If the others cannot be asked, it purges at
 * once, and again when they can.
 */
async function begin(batch: OutletBatch, tasks: readonly PurgeTask[], time: Time, closing: AbortSignal): Promise<void> {
  const heard = (await batch.heard?.()) ?? 'all'
  for (const task of tasks) task.begin(heard !== 'unreachable')
  if (heard !== 'unreachable') return
  try {
    while ((await batch.heard?.()) === 'unreachable') await pause(time, HEARD_PAUSE_MS, closing)
    for (const task of tasks) task.release()
  } catch {
    // Closed: it stays in the outbox.
  }
}

function remember(kept: Map<string, TrackedPurge>, id: string, one: TrackedPurge): void {
  const known = kept.get(id)
  kept.delete(id)
  // A long invalidation arrives in parts.
  kept.set(id, known === undefined ? one : { tasks: [...known.tasks, ...one.tasks], count: known.count + one.count })
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT) return
    kept.delete(oldest)
  }
}
