// Why answers were computed: the first request, a write had changed the data, or neither.
import type { Answer } from './drive.ts'

export interface Misses {
  /** The question was new, and its answer had not been warmed. */
  readonly first: number
  /** Its data had changed since it was requested or warmed. */
  readonly written: number
  /** It had expired, was evicted, or was not stored. */
  readonly gone: number
}

type Cause = keyof Misses

export interface Asked {
  readonly answers: readonly Answer[]
  readonly isComputed: (answer: Answer) => boolean
  /** Everything but searches had been made before the first of them. */
  readonly isWarmed: boolean
}

/**
 * The hit ratio of an ideal cache that serves nothing old and computes nothing in advance: all but the first answer to
 * each question in each state of its data.
 */
export function attainable(asked: Asked, isCounted: (answer: Answer) => boolean = () => true): number | null {
  let all = 0
  let known = 0
  for (const { answer, isNew } of judged(asked)) {
    if (!isCounted(answer)) continue
    all++
    if (!isNew) known++
  }
  return all === 0 ? null : known / all
}

/** Computed answers by their cause, of those that `isCounted` selects. */
export function missesOf(asked: Asked, isCounted: (answer: Answer) => boolean = () => true): Misses {
  const misses = { first: 0, written: 0, gone: 0 }
  for (const { answer, cause } of judged(asked)) if (cause !== undefined && isCounted(answer)) misses[cause]++
  return misses
}

/** Of one kind of answers. */
export interface KindMisses extends Misses {
  readonly asked: number
}

/** The same by kinds of answers, the most often computed first. */
export function missesByKind(asked: Asked, isCounted: (answer: Answer) => boolean): ReadonlyMap<string, KindMisses> {
  const kinds = new Map<string, Record<Cause | 'asked', number>>()
  for (const { answer, cause } of judged(asked)) {
    if (!isCounted(answer)) continue
    const name = kindOf(answer)
    const kind = kinds.get(name) ?? { asked: 0, first: 0, written: 0, gone: 0 }
    kind.asked++
    if (cause !== undefined) kind[cause]++
    kinds.set(name, kind)
  }
  const computed = ({ first, written, gone }: Misses): number => first + written + gone
  return new Map([...kinds].sort(([, a], [, b]) => computed(b) - computed(a)))
}

interface Judged {
  readonly answer: Answer
  /** Why it was computed; undefined where it was not. */
  readonly cause: Cause | undefined
  /** The first answer to this in this state. */
  readonly isNew: boolean
}

function* judged({ answers, isComputed, isWarmed }: Asked): Iterable<Judged> {
  const seen = new Map<string, string>()
  for (const answer of answers.toSorted((a, b) => a.endedAt - b.endedAt)) {
    const question = questionOf(answer)
    const versions = [...answer.versions].map(([scope, version]) => `${scope}=${version}`).join(' ')
    const before = seen.get(question)
    seen.set(question, versions)
    const cause = causeOf(answer, versions, before, isWarmed)
    yield { answer, cause: isComputed(answer) ? cause : undefined, isNew: cause !== 'gone' }
  }
}

/** Of an answer that would be computed. */
function causeOf(answer: Answer, versions: string, before: string | undefined, isWarmed: boolean): Cause {
  if (before !== undefined) return before === versions ? 'gone' : 'written'
  if (!isWarmed || isSearch(answer)) return 'first'
  return hasMoved(answer) ? 'written' : 'gone'
}

const isSearch = ({ step }: Answer): boolean => step.path.startsWith('/api/cached/search/')
/** Since the data was filled, and so since it was warmed. */
const hasMoved = ({ versions }: Answer): boolean => [...versions.values()].some((version) => version > 0)

/** `/api/cached/organizations/7/statistics/?days=30` is of the kind `organizations/statistics`. */
function kindOf({ step: { path } }: Answer): string {
  const [, , ...parts] = (path.split('?')[0] ?? path).split('/').filter((part) => part !== '' && !/^\d+$/.test(part))
  return parts.join('/')
}

/** Of the user only if the answer is. */
export function questionOf({ step: { path, as } }: Answer): string {
  return path.startsWith('/api/cached/users/')
    ? `${path} ${as.userId} ${as.organizationId}`
    : `${path} ${as.organizationId}`
}
