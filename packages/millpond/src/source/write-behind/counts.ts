// The counts of a write queue.
export interface QueueCounts {
  /** Writes that the source has accepted. */
  stored: number
  /** Attempts that failed. */
  failed: number
}

export const createCounts = (): QueueCounts => ({ stored: 0, failed: 0 })
