// Remembers which messages were seen, for as long as they could be repeated.

/** Hand in one over a shared store where several processes receive the same webhooks. */
export interface NonceStore {
  /**
   * `claimed`: it was not there and is now kept until `until` (epoch milliseconds). `full`: no room, try again later.
   */
  claim(id: string, until: number, now: number): NonceAnswer | Promise<NonceAnswer>
  /** The message was not applied after all: a repetition is welcome. */
  release(id: string): void | Promise<void>
}

export type NonceAnswer = 'claimed' | 'repeated' | 'full'

/** In this process. Never forgets one early to make room: it says `full` instead. */
export function memoryNonces(maxNonces = 10_000): NonceStore {
  const until = new Map<string, number>()
  const prune = (now: number): void => {
    for (const [id, at] of until) if (at <= now) until.delete(id)
  }
  return {
    claim(id, keepUntil, now) {
      const known = until.get(id)
      if (known !== undefined && known > now) return 'repeated'
      if (until.size >= maxNonces) prune(now)
      if (until.size >= maxNonces) return 'full'
      until.set(id, keepUntil)
      return 'claimed'
    },
    release: (id) => void until.delete(id),
  }
}
