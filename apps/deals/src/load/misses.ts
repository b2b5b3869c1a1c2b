// Why answers were computed: nobody had asked before, a write had changed what they show, or neither.
import type { Answer } from './drive.ts'

export interface Misses {
  /** The question was new to this run, and nobody had warmed its answer. */
  readonly first: number
  /** What it shows had changed since it was asked before. */
  readonly written: number
  /** It was over, had left the cache, or was not stored. */
  readonly gone: number
}

/** Computed answers by their cause; `isComputed` tells them. */
export function missesOf(answers: readonly Answer[], isComputed: (answer: Answer) => boolean): Misses {
  const seen = new Map<string, string>()
  const misses = { first: 0, written: 0, gone: 0 }
  for (const answer of answers.toSorted((a, b) => a.endedAt - b.endedAt)) {
    const question = questionOf(answer)
    const versions = [...answer.versions].map(([scope, version]) => `${scope}=${version}`).join(' ')
    const before = seen.get(question)
    if (isComputed(answer)) misses[before === undefined ? 'first' : before === versions ? 'gone' : 'written']++
    seen.set(question, versions)
  }
  return misses
}

/** Of the user alone where the answer is. */
function questionOf({ step: { path, as } }: Answer): string {
  return path.startsWith('/api/cached/users/') ? `${path} ${as.userId} ${as.organizationId}` : `${path} ${as.organizationId}`
}
