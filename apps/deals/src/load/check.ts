// Whether every answer is right. An answer must be at least as new as each write that was acknowledged before it began
// and that touched it, and it must be, byte for byte, what the uncached service answers at the versions that it names.
import type { Answer, Course, Versions, Write } from './drive.ts'

/** Answers that should be the same: one question, by one user, at one state of what it shows. */
export interface Group {
  readonly example: Answer
  readonly hashes: ReadonlySet<string>
  /**
   * The writes at which the uncached service is queried: the earliest and the latest that these answers must agree
   * with.
   */
  readonly positions: readonly number[]
}

/** Writes are numbered from 1 in the order of their commits; position 0 is the data before the first. */
export function findStale({ answers, writes }: Course): string[] {
  const history = historyOf(writes)
  return answers.flatMap((answer) =>
    [...answer.versions].flatMap(([scope, version]) => {
      const late = (history.get(scope) ?? []).find(
        (write) => write.endedAt <= answer.startedAt && (write.versions.get(scope) ?? 0) > version,
      )
      return late
        ? [
            `stale: ${describe(answer)} shows ${scope} at ${version}, but write ${late.position} (${late.step.method} ${late.step.path}) had acknowledged ${late.versions.get(scope)} ${(answer.startedAt - late.endedAt).toFixed(1)} ms before`,
          ]
        : []
    }),
  )
}

export function groupAnswers({ answers, writes }: Course): Group[] {
  const history = historyOf(writes)
  const byEnd = writes.toSorted((a, b) => a.endedAt - b.endedAt)
  const groups = new Map<string, { example: Answer; hashes: Set<string>; from: number; to: number }>()
  for (const answer of answers) {
    const key = `${answer.step.as.userId} ${answer.step.path} ${[...answer.versions].map(([scope, version]) => `${scope}=${version}`).join(' ')}`
    const from = reachedAt(answer.versions, history)
    const to = Math.max(from, lastAcknowledged(byEnd, answer.startedAt))
    const known = groups.get(key)
    if (known) {
      known.hashes.add(answer.hash)
      known.to = Math.max(known.to, to)
    } else groups.set(key, { example: answer, hashes: new Set([answer.hash]), from, to })
  }
  return [...groups.values()].map(({ example, hashes, from, to }) => ({
    example,
    hashes,
    positions: [...new Set([from, to])],
  }))
}

export function describe({ step, cacheStatus }: Answer): string {
  return `GET ${step.path} as user ${step.as.userId} (${cacheStatus})`
}

/** The writes that changed each scope, in their order. */
function historyOf(writes: readonly Write[]): Map<string, Write[]> {
  const history = new Map<string, Write[]>()
  for (const write of writes.toSorted((a, b) => a.position - b.position)) {
    for (const scope of write.versions.keys()) history.set(scope, [...(history.get(scope) ?? []), write])
  }
  return history
}

/** The write that brought the last of the scopes to its version; 0 if none was ever changed. */
function reachedAt(versions: Versions, history: ReadonlyMap<string, readonly Write[]>): number {
  return Math.max(
    0,
    ...[...versions].map(
      ([scope, version]) => history.get(scope)?.find((write) => write.versions.get(scope) === version)?.position ?? 0,
    ),
  )
}

function lastAcknowledged(byEnd: readonly Write[], at: number): number {
  let last = 0
  for (const write of byEnd) {
    if (write.endedAt > at) break
    last = Math.max(last, write.position)
  }
  return last
}
