// Whether enough was seen to say anything, and why not.
import type { Study } from './study.ts'

/** Below these nothing is said: fewer reads, fewer of the sample, fewer keys in it, or more notes lost than this. */
const LEAST_READS = 10_000
const LEAST_LOOKED = 500
const LEAST_KEYS = 30
const MOST_LOST = 0.05

/** What an answer rests on. */
export interface Evidence {
  /** Epoch milliseconds: what was seen of the days that were asked for, not more. */
  readonly from: number
  readonly to: number
  /** All reads, and those of keys that are watched. */
  readonly reads: number
  readonly looked: number
  /** Keys that are watched, and which share of all keys that is. */
  readonly keys: number
  readonly keyShare: number
  /** The share of the notes that came too fast to be kept. */
  readonly lost: number
  readonly isEnough: boolean
  /** Why not. */
  readonly why?: string
}

/** What was seen of one cache, ready to be asked. */
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
  if (reads < LEAST_READS) return `${reads} reads so far: ${LEAST_READS} are needed`
  if (looked < LEAST_LOOKED) return `${looked} reads of the sample so far: ${LEAST_LOOKED} are needed`
  if (keys < LEAST_KEYS)
    return `${keys} keys are watched: with fewer than ${LEAST_KEYS} a result would only describe those keys`
  if (lost > MOST_LOST) return `${Math.round(lost * 100)} % of reads came too fast to be recorded`
  return undefined
}
