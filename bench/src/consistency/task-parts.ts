// What every task is given.
import type { ContenderCache, ContenderOptions } from './contender.ts'

/** The truth that all processes share, outside of the cache. */
export type Question = { readonly read: string } | { readonly commit: string }

export interface TaskParts {
  /** The name of the process. */
  readonly name: string
  readonly cache: ContenderCache
  readonly options: ContenderOptions
  /** Answers the version of a key. */
  readonly ask: (question: Question) => Promise<number>
}
