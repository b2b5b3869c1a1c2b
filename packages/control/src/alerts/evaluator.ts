// Evaluates the rules: bad twice in a row raises an alert, clearly good three times in a row resolves it.

import { counted } from 'millpond/options'
import { verifyAudit } from '../audit/audit.ts'
import type { Control } from '../control.ts'
import { joined, lastOf, type Point } from '../metrics/collector.ts'
import { LEAST_REQUESTS } from '../metrics/health.ts'
import { fingerprintOf } from './alerts.ts'
import { regressionsOf } from './regressions.ts'
import {
  DEFAULT_RULES,
  isClear,
  isWarm,
  type Observation,
  type Reading,
  type Rule,
  type RuleName,
  readingsOf,
  severityOf,
} from './rules.ts'
import { rulesOf } from './settings.ts'

const BAD_TURNS = 2
const CLEAR_TURNS = 3
/** Window lengths in seconds: the first with enough reads is used. */
const WINDOWS = [5, 10, 15, 30, 60]
/** How often the whole chain is verified, in turns of five seconds. */
const AUDIT_EVERY = 720
const VIOLATIONS_EVERY = 12

type Watches = Pick<Control, 'fleet' | 'alerts' | 'history' | 'store'> & {
  readonly collector: Pick<Control['collector'], 'snapshot' | 'recent'>
}

interface Watched {
  bad: number
  clear: number
  isFiring: boolean
}

export class Evaluator {
  readonly #control: Watches
  readonly #watched = new Map<string, Watched>()
  readonly #refused: () => number
  readonly #violations: Violations
  #violated: readonly Reading[] = []
  #violationsIn = 0
  #turn = 0
  #isAuditBroken = 0
  #isResumed = false
  #last: Promise<void> = Promise.resolve()

  /**
   * @param refused credentials that were refused in the last minute
   * @param violations compliance requirements that are violated; called with whether the audit chain held when it was
   * last read
   */
  constructor(control: Watches, refused: () => number, violations: Violations = async () => []) {
    this.#control = control
    this.#refused = refused
    this.#violations = violations
  }

  /** One turn: every five seconds, in one of several control planes. Turns never overlap. */
  turn(): Promise<void> {
    const turn = this.#last.then(() => this.#look())
    this.#last = turn.catch(() => undefined)
    return turn
  }

  /** As many turns at once as it takes to raise an alert, for an immediate answer. */
  async judge(): Promise<void> {
    this.#violationsIn = 0
    for (let turn = 0; turn < BAD_TURNS; turn++) await this.turn()
  }

  async #look(): Promise<void> {
    const { fleet, collector, alerts, history, store } = this.#control
    if (!this.#isResumed) await this.#resume()
    const rules = await rulesOf(store)
    const seen = new Set<string>()
    for (const cache of fleet.names) {
      const snapshot = collector.snapshot(cache)
      if (snapshot === undefined) continue
      const observed: Observation = {
        snapshot,
        window: windowOf(collector.recent(cache)),
        minute: joined(collector.recent(cache, 60)),
        hour: await history.lastHour(cache, await store.now()),
      }
      const before = await history.before(cache, await store.now())
      for (const reading of [
        ...readingsOf(observed),
        ...regressionsOf(before, isWarm(snapshot)),
        ...cpuOf(collector.recent(cache)),
      ])
        seen.add(await this.#judge(cache, reading, rules[reading.rule] ?? DEFAULT_RULES[reading.rule]))
    }
    for (const reading of await this.#ownReadings())
      seen.add(await this.#judge('', reading, rules[reading.rule] ?? DEFAULT_RULES[reading.rule]))
    // A tier, node or cache that is gone is neither good nor bad.
    for (const [fingerprint, { isFiring }] of this.#watched) {
      if (seen.has(fingerprint)) continue
      if (isFiring) await alerts.settle(fingerprint)
      this.#watched.delete(fingerprint)
    }
    this.#turn++
  }

  /** Another control plane evaluates: its alerts are read again when this one takes over. */
  forget(): void {
    this.#watched.clear()
    this.#isResumed = false
  }

  /** Alerts from before this process started keep firing until their values are good. */
  async #resume(): Promise<void> {
    const firing = await this.#control.alerts.list({ state: 'firing', limit: 1000 })
    for (const { view } of firing) this.#watched.set(view.fingerprint, { bad: BAD_TURNS, clear: 0, isFiring: true })
    this.#isResumed = true
  }

  async #judge(cache: string, { rule: name, subject, value, message }: Reading, rule: Rule): Promise<string> {
    const { alerts } = this.#control
    const fingerprint = fingerprintOf({ rule: name, cache, subject })
    const watched = this.#watched.get(fingerprint) ?? { bad: 0, clear: 0, isFiring: false }
    this.#watched.set(fingerprint, watched)
    if (value === null && rule.enabled) return fingerprint
    const found = rule.enabled && value !== null ? severityOf(name, rule, value) : undefined
    watched.bad = found === undefined ? 0 : watched.bad + 1
    watched.clear = !rule.enabled || (value !== null && isClear(name, rule, value)) ? watched.clear + 1 : 0
    if (found !== undefined && value !== null && watched.bad >= BAD_TURNS) {
      // An alert that was resolved by hand is not raised again until its cause has gone.
      if (!watched.isFiring || (await alerts.isFiring(fingerprint)))
        await alerts.raise({ rule: name, cache, subject, value, ...found, message: message(value) })
      watched.isFiring = true
    }
    if (watched.isFiring && watched.clear >= CLEAR_TURNS) {
      await alerts.settle(fingerprint)
      watched.isFiring = false
    }
    return fingerprint
  }

  /** Violations that have ended are reported as well. */
  async #readViolations(): Promise<readonly Reading[]> {
    const now = await this.#violations(this.#isAuditBroken === 0)
    const before = this.#violated.filter(({ value }) => value === 1)
    const subjects = new Set([...now, ...before].map(({ subject }) => subject))
    return [...subjects].map((subject) => {
      const detail = now.find((one) => one.subject === subject)?.detail
      return { rule: 'compliance', subject, value: detail === undefined ? 0 : 1, message: () => detail ?? '' }
    })
  }

  /** Of the control plane itself. */
  async #ownReadings(): Promise<readonly Reading[]> {
    if (this.#turn % AUDIT_EVERY === AUDIT_EVERY - 1)
      this.#isAuditBroken = (await verifyAudit(this.#control.store)).ok ? 0 : 1
    if (this.#violationsIn-- === 0) {
      this.#violationsIn = VIOLATIONS_EVERY - 1
      this.#violated = await this.#readViolations()
    }
    return [
      ...this.#violated,
      {
        rule: 'refused_credentials',
        subject: '',
        value: this.#refused(),
        message: (value) => `${counted(value, 'call')} in a minute had unknown credentials`,
      },
      {
        rule: 'audit_broken',
        subject: '',
        value: this.#isAuditBroken,
        message: () => 'the audit chain is broken: audit/verify/ shows where',
      },
    ]
  }
}

export type Violations = (
  isAuditWhole: boolean,
) => Promise<readonly { readonly subject: string; readonly detail: string }[]>

function windowOf(points: readonly Point[]): Point | undefined {
  let window: Point | undefined
  for (const seconds of WINDOWS) {
    window = joined(lastOf(points, seconds))
    if ((window?.counters.hits ?? 0) + (window?.counters.misses ?? 0) >= LEAST_REQUESTS) return window
  }
  return window
}

/**
 * The share of a core in the last minute. Unknown while processes come and go or are late: the CPU time of a while is
 * then reported in a shorter one, or by others than are counted. One that was absent before the minute reports in its
 * first step what it has used since.
 */
function cpuOf(points: readonly Point[]): Reading[] {
  const last = lastOf(points, 60)
  const minute = joined(last)
  const used = minute?.counters.process_cpu_seconds
  if (minute === undefined || used === undefined || minute.seconds < 30) return []
  const nodes = minute.gauges.nodes ?? 1
  const isSteady = points
    .slice(-last.length - 1)
    .every(({ gauges }) => gauges.nodes === nodes && (gauges.late_nodes ?? 0) === 0)
  return [
    {
      rule: 'process_cpu_ratio' satisfies RuleName,
      subject: '',
      value: isSteady ? used / minute.seconds / Math.max(1, nodes) : null,
      message: (value) => `its processes use ${(value * 100).toFixed(0)} % of a core each on average`,
    },
  ]
}
