// What a write queue has counted.
export interface QueueCounts {
  /** Writes that the source has taken. */
  stored: number
  /** Attempts that failed. */
  failed: number
}

export const createCounts = (): QueueCounts => ({ stored: 0, failed: 0 })
