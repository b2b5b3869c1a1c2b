// The library's invalidations, brought to the edge: after every process has heard of them, coalesced, at the permitted
// rate, once more when the last old answer can have left, and then looked at.
//
// What is taken on stays in the cache's outbox until it is settled, so that a crash makes a purge too many and never
// one too few.
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
import type { Lot } from './lot.ts'
import type { Probe, ProbeResult } from './probe.ts'
import { Pump } from './pump.ts'
import type { Desk } from './purge.ts'
import { type PurgeTarget, type PurgeTargetLike, targetsOf } from './target.ts'

export interface CdnOutletOptions {
  /** Names its records in the outbox and its part of receipts. Default `'cdn'`. */
  readonly name?: string | undefined
  /** Names of edges. Default: all. */
  readonly edges?: readonly string[] | undefined
  /** Namespaces whose values reach an edge; others are none of its business. Default: all. */
  readonly namespaces?: readonly string[] | undefined
  /**
   * What at the edge hangs on a target of an invalidation. Default `edgeTargets`: tags by their names, addresses as
   * addresses, all as everything; keys that are not addresses as nothing.
   */
  readonly map?: ((target: Target, line: OutletLine, namespace: string) => readonly PurgeTargetLike[]) | undefined
  /**
   * When all is purged for the second time, so that answers are gone, too, which had left before the invalidation and
   * reached the edge after the purge. Default: when the cache's longest load is over (`timeout.hard`), and a minute at
   * most. `false`: never.
   */
  readonly again?: Duration | false | undefined
  /**
   * What to do when the vendors' limits would keep purges waiting for longer than `stormAfter`: wait, or purge
   * everything in one request. Default `'queue'`.
   */
  readonly onStorm?: 'queue' | 'purge-everything' | undefined
  /** Default `'1m'`. */
  readonly stormAfter?: Duration | undefined
  /** Mark as stale what an invalidation only expires, where the vendor can. Default `true`. */
  readonly soft?: boolean | undefined
  /**
   * Addresses at the edge that are looked at before a purge of the target and after it. Default: an address itself, and
   * nothing for other targets.
   */
  readonly sample?: ((target: PurgeTarget) => readonly string[]) | undefined
  /**
   * What cannot be purged, and what a probe has found old though it was purged three times. Default: a warning on the
   * console.
   */
  readonly onTrouble?: ((trouble: CdnIssue) => void) | undefined
}

/** How far an invalidation has come at the edge. */
export interface CdnProgress {
  /**
   * `waiting` for processes to hear, or for the vendor's limit; `purged` once; `settled`: purged again, and looked at
   * where there was something to look at.
   */
  readonly state: 'waiting' | 'purged' | 'settled'
  /** Until it is purged, in milliseconds. */
  readonly leftMs: number
  readonly targets: number
  readonly probes: { readonly gone: number; readonly old: number; readonly unknown: number }
}

/** All of an outlet at a glance. */
export interface CdnOutletState {
  readonly name: string
  /** Targets that wait for their first purge. */
  readonly waiting: number
  readonly leftMs: number
  /** Targets purged, and how often their purge was spared since they waited already. */
  readonly purged: number
  readonly coalesced: number
  readonly storms: number
  /**
   * How often a target could not be purged, attempts that are made again included, or was found old after its last
   * purge.
   */
  readonly failures: number
  readonly probes: { readonly gone: number; readonly old: number; readonly unknown: number }
}

export interface CdnOutlet extends Outlet {
  /** By the id of a receipt; of the last 1,000. `undefined`: unknown, or nothing of it concerns an edge. */
  progress(receiptId: string): CdnProgress | undefined
  state(): CdnOutletState
  /** When nothing waits and nothing is to be purged again. */
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
/** Targets in a warning. */
const MAX_SHOWN = 5

export interface OutletParts {
  readonly desks: readonly Desk[]
  readonly time: Time
  readonly look: (urls: readonly string[]) => Promise<readonly ProbeResult[]>
  readonly closing: AbortSignal
}

/** @param options checked. */
export function cdnOutlet(options: CdnOutletOptions, parts: OutletParts): CdnOutlet {
  return new EdgeOutlet(options, parts)
}

type Verdicts = Record<Probe['verdict'], number>

/** Its methods are its class's, since the library looks at each member that an outlet has itself. */
class EdgeOutlet implements CdnOutlet {
  readonly name: string
  readonly namespaces: readonly string[] | undefined
  readonly #options: CdnOutletOptions
  readonly #parts: OutletParts
  readonly #pumps: readonly Pump[]
  readonly #kept = new Map<string, Taken>()
  readonly #probes: Verdicts = { gone: 0, old: 0, unknown: 0 }
  #failures = 0
  /** What a former process has left. */
  #isTakingUp = false

  constructor(options: CdnOutletOptions, parts: OutletParts) {
    this.name = options.name ?? 'cdn'
    this.namespaces = options.namespaces
    this.#options = options
    this.#parts = parts
    const isPatient = options.onStorm !== 'purge-everything'
    const pumpOptions = {
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
    this.#pumps = parts.desks.map((desk) => new Pump(desk, pumpOptions))
  }

  async deliver(batch: OutletBatch): Promise<OutletDebt | undefined> {
    const { soft = true } = this.#options
    const againMs = this.#againMs(batch)
    if (!this.#isTakingUp && batch.lines.some(({ isLeft }) => isLeft === true)) {
      this.#isTakingUp = true
      for (const desk of this.#parts.desks) desk.drain()
    }
    const lots: Lot[] = []
    for (const line of batch.lines) {
      const targets = this.#targetsOf(line, batch.namespace)
      if (targets.length === 0) continue
      const own = this.#pumps.map((pump) => pump.expect(targets, { soft: soft && line.mode === 'expire', againMs }))
      remember(this.#kept, line.id, { lots: own, count: targets.length })
      lots.push(...own)
    }
    if (lots.length === 0) return undefined
    void begin(batch, lots, this.#parts.time, this.#parts.closing)
    return {
      state: 'queued',
      leftMs: this.#leftMs(),
      gone: Promise.all(lots.map((lot) => lot.purged)),
      done: Promise.all(lots.map((lot) => lot.settled)),
    }
  }

  progress(id: string): CdnProgress | undefined {
    const one = this.#kept.get(id)
    if (one === undefined) return undefined
    const state = one.lots.every((lot) => lot.isSettled)
      ? 'settled'
      : one.lots.every((lot) => lot.isPurged)
        ? 'purged'
        : 'waiting'
    const probes: Verdicts = { gone: 0, old: 0, unknown: 0 }
    for (const lot of one.lots) for (const verdict of lot.verdicts) probes[verdict]++
    return { state, leftMs: state === 'waiting' ? this.#leftMs() : 0, targets: one.count, probes }
  }

  state(): CdnOutletState {
    const total = (of: (pump: Pump) => number): number => this.#pumps.reduce((sum, pump) => sum + of(pump), 0)
    return {
      name: this.name,
      waiting: total((pump) => pump.waiting),
      leftMs: this.#leftMs(),
      purged: total((pump) => pump.purged),
      coalesced: total((pump) => pump.coalesced),
      storms: total((pump) => pump.storms),
      failures: this.#failures,
      probes: { ...this.#probes },
    }
  }

  async idle(): Promise<void> {
    await Promise.all(this.#pumps.map((pump) => pump.idle()))
  }

  #leftMs(): number {
    return Math.round(Math.max(0, ...this.#pumps.map((pump) => pump.leftMs())))
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
      // Delivered again it would be no better.
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
      // A listener that fails must not keep anything from being purged.
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

interface Taken {
  readonly lots: readonly Lot[]
  readonly count: number
}

/**
 * Purged when all processes have heard, or the bound has passed. Who cannot ask the others purges at once, and once
 * more when they can be asked.
 */
async function begin(batch: OutletBatch, lots: readonly Lot[], time: Time, closing: AbortSignal): Promise<void> {
  const heard = (await batch.heard?.()) ?? 'all'
  for (const lot of lots) lot.begin(heard !== 'unreachable')
  if (heard !== 'unreachable') return
  try {
    while ((await batch.heard?.()) === 'unreachable') await pause(time, HEARD_PAUSE_MS, closing)
    for (const lot of lots) lot.release()
  } catch {
    // Closed: it stays in the outbox.
  }
}

function remember(kept: Map<string, Taken>, id: string, one: Taken): void {
  const known = kept.get(id)
  kept.delete(id)
  // A long line comes in parts.
  kept.set(id, known === undefined ? one : { lots: [...known.lots, ...one.lots], count: known.count + one.count })
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT) return
    kept.delete(oldest)
  }
}
