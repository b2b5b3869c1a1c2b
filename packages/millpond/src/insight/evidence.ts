// Whether there is enough evidence for an answer, and if not, why.
import { counted } from '../core/counted.ts'
import type { Study } from './study.ts'

/** The minimum evidence: reads, sampled reads, sampled keys, and the largest share of lost notes. */
const LEAST_READS = 10_000
const LEAST_LOOKED = 500
const LEAST_KEYS = 30
const MOST_LOST = 0.05

/** The evidence behind an answer. */
export interface Evidence {
  /** Epoch milliseconds: the observed part of the requested days. */
  readonly from: number
  /** Epoch milliseconds: the end of the observed part. */
  readonly to: number
  /** All reads, and those of watched keys. */
  readonly reads: number
  /** Reads of watched keys, a sample of all keys. */
  readonly looked: number
  /** Watched keys, and their share of all keys. */
  readonly keys: number
  /** The share of all keys that is watched, above 0 to 1. */
  readonly keyShare: number
  /** The share of notes that were dropped because they came too fast. */
  readonly lost: number
  /** `false`: the figures are too uncertain to act on; `why` says in what respect. */
  readonly isEnough: boolean
  /** The reason, if it is not enough. */
  readonly why?: string
}

/** The observations of one cache, ready for queries. */
export type Seen = NonNullable<ReturnType<Study['seen']>>

export function evidenceOf(study: Study, seen: Seen | undefined): Evidence {
  if (study.watching === undefined || seen === undefined) {
    const now = study.begunAt + study.lead
    return { from: now, to: now, reads: 0, looked: 0, keys: 0, keyShare: 0, lost: 0, isEnough: false, why: NO_BOUNDS }
  }
  const { curve } = study.watching
  const { reads, looked } = seen.curve
  const lost = seen.lostNotes === 0 ? 0 : seen.lostNotes / (seen.lostNotes + looked)
  const why = reasonAgainst(study, reads, looked, curve.keys, lost)
  const told = {
    from: seen.from + study.lead,
    to: seen.to + study.lead,
    reads,
    looked,
    keys: curve.keys,
    keyShare: curve.rate,
    lost,
  }
  return why === undefined ? { ...told, isEnough: true } : { ...told, isEnough: false, why }
}

const NO_BOUNDS = 'the cache has no memory tier, or one without a limit: there is no size to judge'

function reasonAgainst(study: Study, reads: number, looked: number, keys: number, lost: number): string | undefined {
  if (!study.isRecording) return 'recording has ended'
  if (reads < LEAST_READS) return `${counted(reads, 'read')} so far: ${LEAST_READS} are needed`
  if (looked < LEAST_LOOKED) return `${counted(looked, 'read')} of the sample so far: ${LEAST_LOOKED} are needed`
  if (keys < LEAST_KEYS)
    return `${counted(keys, 'key is', 'keys are')} watched: with fewer than ${LEAST_KEYS} a result would only describe those keys`
  if (lost > MOST_LOST) return `${Math.round(lost * 100)} % of reads came too fast to be recorded`
  return undefined
}
