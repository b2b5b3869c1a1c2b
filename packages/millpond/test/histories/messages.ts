// What a worker and its supervisor say to each other.
import type { Cell } from './plan.ts'

export interface WorkerOptions {
  readonly process: string
  readonly cell: Cell
  readonly readsOnly: boolean
  /** The shared tier: its options as JSON, or the path of a file. */
  readonly at: string
  /** Where the history goes. */
  readonly file: string
  /**
   * Where invalidations wait that did not reach the shared tier; the next life of the process finds them. Absent: they
   * reject.
   */
  readonly outbox?: string
}

export type RingChange = 'added' | 'removed' | 'reweighed' | 'undone'

/** To the truth store, with a number that the answer carries. */
export type Ask =
  | { readonly ask: 'read'; readonly key: string }
  /** The next version of each key; with `lock`, undefined when somebody else holds one of them. */
  | { readonly ask: 'commit'; readonly keys: readonly string[]; readonly lock: boolean }
  /** The caches have been told of the commit. */
  | { readonly ask: 'done'; readonly keys: readonly string[] }

export type FromWorker = (Ask & { readonly id: number }) | { readonly tell: Told; readonly detail?: string }
export type Told = 'ready' | 'drained' | 'repaired' | 'finished' | 'changed' | 'crashed'

export type FromSupervisor =
  | { readonly id: number; readonly answer: readonly number[] | undefined }
  /** Stop writing; finish what was begun. */
  | { readonly order: 'drain' }
  /** Invalidate keys whose writers died before they could. */
  | { readonly order: 'repair'; readonly keys: readonly string[] }
  /** Read every key a few times. */
  | { readonly order: 'final' }
  /** Changes the ring of this process, without waiting for the moves. */
  | { readonly order: 'ring'; readonly change: RingChange }
  | { readonly order: 'close' }
