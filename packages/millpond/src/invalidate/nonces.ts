// Remembers which messages were seen, for as long as they could be replayed.

/** Pass one over a shared store if several processes receive the same webhooks. */
export interface NonceStore {
  /** `claimed`: it was new and is now kept until `until` (epoch milliseconds). `full`: no room, try again later. */
  claim(id: string, until: number, now: number): NonceAnswer | Promise<NonceAnswer>
  /** The message was not applied after all: a retry is accepted. */
  release(id: string): void | Promise<void>
}

export type NonceAnswer = 'claimed' | 'repeated' | 'full'

/** In this process. Never drops one early to make room: it returns `full` instead. */
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
