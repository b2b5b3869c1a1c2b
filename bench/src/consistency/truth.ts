// The truth behind the caches: orders the writes of each key.
import { type HistoryLine, historyTime } from 'millpond/testing'
import type { Question } from './task-parts.ts'

export interface Truth {
  /** Commits, as lines of a history. */
  readonly lines: readonly HistoryLine[]
  /** Answers the version of a key, 0 before its first commit; `commit` makes the next one. */
  readonly ask: (question: Question) => Promise<number>
}

export function openTruth(): Truth {
  const versions = new Map<string, number>()
  const lines: HistoryLine[] = []
  return {
    lines,
    async ask(question) {
      if ('read' in question) return versions.get(question.read) ?? 0
      const version = (versions.get(question.commit) ?? 0) + 1
      versions.set(question.commit, version)
      lines.push({ kind: 'commit', key: question.commit, version, at: historyTime() })
      return version
    },
  }
}
