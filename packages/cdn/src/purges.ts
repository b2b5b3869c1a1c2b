// Purges over several vendors, and the reports of the last ones.
import { randomUUID } from 'node:crypto'
import { parseDuration } from 'millpond/options'
import type { PurgeOptions, PurgeReport } from './cdn.ts'
import type { Time } from './clock.ts'
import { CdnError } from './errors.ts'
import type { EdgeWork } from './purge.ts'
import type { SelectedEdges } from './selected-edges.ts'
import { type PurgeTargetLike, targetsOf } from './target.ts'

const KEPT = 200
/** Consecutive failures of a vendor before a purge is given up. */
const ATTEMPTS = 5

interface Purge {
  readonly id: string
  readonly at: string
  readonly soft: boolean
  readonly targets: number
  readonly works: readonly EdgeWork[]
}

export class Purges {
  readonly #edges: SelectedEdges
  readonly #time: Time
  readonly #kept = new Map<string, Purge>()

  constructor(edges: SelectedEdges, time: Time) {
    this.#edges = edges
    this.#time = time
  }

  /** @throws CdnError as `Cdn.purge` */
  async run(given: readonly PurgeTargetLike[], how: PurgeOptions): Promise<PurgeReport> {
    const { site, soft = false, until = 'accepted', patience = '5m', signal } = how
    const targets = targetsOf(given)
    const order = {
      site,
      soft,
      signal,
      patience: {
        attempts: patience === Number.POSITIVE_INFINITY ? patience : ATTEMPTS,
        ms: parseDuration(patience, 'patience'),
      },
    }
    const works = this.#edges.of(how).map((purger) => purger.purge(targets, order))
    const begun: Purge = {
      id: `pur_${randomUUID()}`,
      at: new Date(this.#time.now()).toISOString(),
      soft,
      targets: targets.length,
      works,
    }
    this.#keep(begun)
    await Promise.all(works.map((work) => (until === 'done' ? work.done : work.accepted)))
    const report = reportOf(begun)
    throwIfNothingPurged(report)
    return report
  }

  /** @throws CdnError `NOT_FOUND` */
  report(id: string): PurgeReport {
    const found = this.#kept.get(id)
    if (found === undefined)
      throw new CdnError(
        'NOT_FOUND',
        `there is no purge ${JSON.stringify(id)}: the last ${KEPT} of this process are kept`,
      )
    return reportOf(found)
  }

  /** The latest first. */
  list(): readonly PurgeReport[] {
    return [...this.#kept.values()].reverse().map(reportOf)
  }

  #keep(begun: Purge): void {
    this.#kept.set(begun.id, begun)
    for (const id of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break
      this.#kept.delete(id)
    }
  }
}

function reportOf({ id, at, soft, targets, works }: Purge): PurgeReport {
  const edges = works.map((work) => work.report())
  const sent = works.map(({ sentAt }) => sentAt).filter((one) => one !== undefined)
  const purgedAt = sent.length === 0 ? undefined : new Date(Math.max(...sent)).toISOString()
  return { id, at, purgedAt, soft, targets, ok: edges.every(({ failures }) => failures.length === 0), edges }
}

function throwIfNothingPurged({ edges }: PurgeReport): void {
  const failures = edges.flatMap((edge) => edge.failures)
  const [first] = failures
  if (first === undefined || edges.some(({ purged }) => purged > 0)) return
  if (failures.length === 1) throw first.error
  const { code, vendor, status, retryAfterMs } = first.error
  throw new CdnError(
    code,
    `nothing is purged: ${failures.map(({ error }) => error.message.replace(/^\[millpond\] /, '')).join('; ')}`,
    { vendor, status, retryAfterMs },
  )
}
