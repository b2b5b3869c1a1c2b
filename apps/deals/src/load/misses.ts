// Why answers were computed: nobody had asked before, a write had changed what they show, or neither.
import type { Answer } from './drive.ts'

export interface Misses {
  /** The question was new, and nobody had warmed its answer. */
  readonly first: number
  /** What it shows had changed since it was asked or warmed. */
  readonly written: number
  /** It was over, had left the cache, or was not stored. */
  readonly gone: number
}

type Cause = keyof Misses

export interface Asked {
  readonly answers: readonly Answer[]
  readonly isComputed: (answer: Answer) => boolean
  /** Everything but searches had been made before the first of them. */
  readonly isWarmed: boolean
}

/** Computed answers by their cause, of those that `isCounted` tells. */
export function missesOf(asked: Asked, isCounted: (answer: Answer) => boolean = () => true): Misses {
  const misses = { first: 0, written: 0, gone: 0 }
  for (const { answer, cause } of judged(asked)) if (cause !== undefined && isCounted(answer)) misses[cause]++
  return misses
}

/** Of one kind of answers. */
export interface KindMisses extends Misses {
  readonly asked: number
}

/** The same by kinds of answers, that of which most were computed first. */
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

/** Each answer with why it was computed; without, where it was not. */
function* judged({ answers, isComputed, isWarmed }: Asked): Iterable<{ answer: Answer; cause: Cause | undefined }> {
  const seen = new Map<string, string>()
  for (const answer of answers.toSorted((a, b) => a.endedAt - b.endedAt)) {
    const question = questionOf(answer)
    const versions = [...answer.versions].map(([scope, version]) => `${scope}=${version}`).join(' ')
    const before = seen.get(question)
    seen.set(question, versions)
    if (!isComputed(answer)) yield { answer, cause: undefined }
    else if (before !== undefined) yield { answer, cause: before === versions ? 'gone' : 'written' }
    else if (!isWarmed || isSearch(answer)) yield { answer, cause: 'first' }
    else yield { answer, cause: hasMoved(answer) ? 'written' : 'gone' }
  }
}

const isSearch = ({ step }: Answer): boolean => step.path.startsWith('/api/cached/search/')
/** Since the data was filled, and so since it was warmed. */
const hasMoved = ({ versions }: Answer): boolean => [...versions.values()].some((version) => version > 0)

/** `/api/cached/organizations/7/statistics/?days=30` is of the kind `organizations/statistics`. */
function kindOf({ step: { path } }: Answer): string {
  const [, , ...parts] = (path.split('?')[0] ?? path).split('/').filter((part) => part !== '' && !/^\d+$/.test(part))
  return parts.join('/')
}

/** Of the user alone where the answer is. */
function questionOf({ step: { path, as } }: Answer): string {
  return path.startsWith('/api/cached/users/') ? `${path} ${as.userId} ${as.organizationId}` : `${path} ${as.organizationId}`
}
