// The truth store: orders the writes of each key, and remembers who has not yet told the caches.
import type { HistoryLine } from '../../src/testing/history.ts'
import { historyTime } from '../../src/testing/history.ts'
import type { Ask } from './messages.ts'

export interface Truth {
  /** Commits as history lines. */
  readonly lines: HistoryLine[]
  ask(process: string, question: Ask): readonly number[] | undefined
  /** The process died: its commits that the caches were not told of have no owner now. */
  died(process: string): void
  /** Keys whose last word never reached the caches; empties the list. */
  takeOrphans(): string[]
}

export function openTruth(): Truth {
  const lines: HistoryLine[] = []
  const versions = new Map<string, number>()
  const locks = new Map<string, string>()
  /** Per process, how many commits of a key it has yet to tell. */
  const untold = new Map<string, Map<string, number>>()
  const orphans = new Set<string>()

  function commit(process: string, keys: readonly string[], lock: boolean): readonly number[] | undefined {
    if (lock && keys.some((key) => locks.has(key))) return undefined
    const mine = untold.get(process) ?? new Map<string, number>()
    untold.set(process, mine)
    return keys.map((key) => {
      const version = (versions.get(key) ?? 0) + 1
      versions.set(key, version)
      if (lock) locks.set(key, process)
      mine.set(key, (mine.get(key) ?? 0) + 1)
      lines.push({ kind: 'commit', key, version, at: historyTime() })
      return version
    })
  }

  function done(process: string, keys: readonly string[]): void {
    const mine = untold.get(process)
    for (const key of keys) {
      if (locks.get(key) === process) locks.delete(key)
      const left = (mine?.get(key) ?? 0) - 1
      if (left > 0) mine?.set(key, left)
      else mine?.delete(key)
    }
  }

  return {
    lines,
    ask(process, question) {
      if (question.ask === 'read') return [versions.get(question.key) ?? 0]
      if (question.ask === 'commit') return commit(process, question.keys, question.lock)
      done(process, question.keys)
      return []
    },
    died(process) {
      for (const key of untold.get(process)?.keys() ?? []) orphans.add(key)
      untold.delete(process)
      for (const [key, holder] of locks) if (holder === process) locks.delete(key)
    },
    takeOrphans() {
      const keys = [...orphans]
      orphans.clear()
      return keys
    },
  }
}
