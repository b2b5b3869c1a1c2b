// The policies told a second time, slowly: lists of keys and Maps, in the order of the papers' own steps. Nothing is
// shared with the sources.

/** Newest first, as a queue is drawn. */
type Queue = string[]

export interface Model {
  /** A request; returns the key that left for it, if one had to. */
  request(key: string): string | undefined
  remove(key: string): void
}

function without(queue: Queue, key: string): boolean {
  const at = queue.indexOf(key)
  if (at >= 0) queue.splice(at, 1)
  return at >= 0
}

export function lruModel(capacity: number): Model {
  const stack: Queue = []
  return {
    request(key) {
      const isHit = without(stack, key)
      stack.unshift(key)
      return !isHit && stack.length > capacity ? stack.pop() : undefined
    },
    remove: (key) => void without(stack, key),
  }
}

/** Algorithm 1 of the SIEVE paper: evict, then insert at the head. The hand is a key; undefined means the tail. */
export function sieveModel(capacity: number): Model {
  const queue: Queue = []
  const visited = new Set<string>()
  let hand: string | undefined
  const beyond = (key: string): string | undefined => queue[queue.indexOf(key) - 1]
  return {
    request(key) {
      if (queue.includes(key)) {
        visited.add(key)
        return undefined
      }
      let victim: string | undefined
      if (queue.length === capacity) {
        let o = hand ?? (queue.at(-1) as string)
        while (visited.delete(o)) o = beyond(o) ?? (queue.at(-1) as string)
        hand = beyond(o)
        without(queue, o)
        victim = o
      }
      queue.unshift(key)
      return victim
    },
    remove(key) {
      if (key === hand) hand = beyond(key)
      visited.delete(key)
      without(queue, key)
    },
  }
}

/**
 * The last few evicted keys, as places in a row: a key that is found leaves an empty place, which ages like the others.
 */
export function ghostRow(places: number): { put(key: string): void; take(key: string): boolean } {
  const row: (string | undefined)[] = []
  return {
    put(key) {
      row.unshift(key)
      row.length = Math.min(row.length, places)
    },
    take(key) {
      const at = row.indexOf(key)
      if (at >= 0) row[at] = undefined
      return at >= 0
    },
  }
}

/** The S3-FIFO paper's evict, evictS and evictM, where eviction sees the newcomer in its queue already. */
export function s3FifoModel(capacity: number, ghostPlaces: number): Model {
  const small: Queue = []
  const main: Queue = []
  const freq = new Map<string, number>()
  const ghosts = ghostRow(ghostPlaces)
  const smallSize = Math.max(1, Math.floor(capacity / 10))

  function evictMain(): string {
    for (;;) {
      const tail = main.pop() as string
      const f = freq.get(tail) ?? 0
      if (f === 0) return tail
      freq.set(tail, f - 1)
      main.unshift(tail)
    }
  }

  function evict(): string | undefined {
    while (small.length > smallSize || main.length === 0) {
      const tail = small.pop()
      if (tail === undefined) return undefined
      if ((freq.get(tail) ?? 0) <= 1) {
        ghosts.put(tail)
        return tail
      }
      freq.set(tail, 0)
      main.unshift(tail)
      if (main.length > capacity - smallSize) return evictMain()
    }
    return evictMain()
  }

  return {
    request(key) {
      if (small.includes(key) || main.includes(key)) {
        freq.set(key, Math.min(3, (freq.get(key) ?? 0) + 1))
        return undefined
      }
      freq.set(key, 0)
      if (ghosts.take(key)) main.unshift(key)
      else small.unshift(key)
      return small.length + main.length > capacity ? evict() : undefined
    },
    remove: (key) => void (without(small, key) || without(main, key)),
  }
}

/** TinyLFU's statistics without a sketch: a doorkeeper set and true counts up to 15; halved after `sample` requests. */
export function trueCounts(sample: number): { count(key: string): void; of(key: string): number } {
  let door = new Set<string>()
  let counts = new Map<string, number>()
  let seen = 0
  return {
    count(key) {
      if (door.has(key)) counts.set(key, Math.min(15, (counts.get(key) ?? 0) + 1))
      else door.add(key)
      if (++seen < sample) return
      door = new Set()
      counts = new Map([...counts].map(([counted, n]) => [counted, Math.floor(n / 2)]))
      seen = Math.floor(seen / 2)
    },
    of: (key) => (counts.get(key) ?? 0) + (door.has(key) ? 1 : 0),
  }
}

/**
 * W-TinyLFU: window, probation and protected segment, with the hill climber of Einziger et al. 2018 as constants of the
 * source have it.
 */
export function wTinyLfuModel(capacity: number, entriesOfSketch: number): Model {
  const window: Queue = []
  const probation: Queue = []
  const shielded: Queue = []
  const known = trueCounts(Math.max(64, 10 * entriesOfSketch))
  const period = Math.max(64, 10 * entriesOfSketch)
  let share = 0.01
  let step = 0.0625
  let previous = 0
  let requests = 0
  let hits = 0
  let hadRoom = true
  const windowSize = (): number => Math.max(1, Math.floor(capacity * share))

  function climb(isHit: boolean): void {
    requests++
    if (isHit) hits++
    if (requests < period) return
    const change = hits / requests - previous
    const move = change < 0 ? -step : step
    share = Math.max(0, Math.min(0.8, share + move))
    step = Math.abs(change) < 0.05 ? move * 0.98 : move < 0 ? -0.0625 : 0.0625
    previous += change
    requests = 0
    hits = 0
    while (window.length > windowSize()) probation.unshift(window.pop() as string)
  }

  function shelter(key: string): void {
    shielded.unshift(key)
    while (shielded.length > (capacity - windowSize()) * 0.8) probation.unshift(shielded.pop() as string)
  }

  return {
    request(key) {
      known.count(key)
      const isHit = [window, probation, shielded].some((queue) => queue.includes(key))
      if (without(window, key)) window.unshift(key)
      else if (without(probation, key)) shelter(key)
      else if (without(shielded, key)) shielded.unshift(key)
      else {
        if (hadRoom && window.length > windowSize()) probation.unshift(window.pop() as string)
        window.unshift(key)
      }
      climb(isHit)
      if (isHit) return undefined
      hadRoom = window.length + probation.length + shielded.length <= capacity
      if (hadRoom) return undefined
      const defence = probation.length > 0 ? probation : shielded
      if (defence.length === 0) return window.pop()
      if (window.length <= windowSize()) return defence.pop()
      const candidate = window.pop() as string
      if (known.of(candidate) <= known.of(defence.at(-1) as string)) return candidate
      const loser = defence.pop()
      probation.unshift(candidate)
      return loser
    },
    remove: (key) => void [window, probation, shielded].some((queue) => without(queue, key)),
  }
}

/**
 * The clock with a window: places as a store hands them out (the place left last is taken first), a share that does not
 * change.
 */
export function clockWindowModel(capacity: number, share: number, sample: number, ghostPlaces: number): Model {
  const places: (string | undefined)[] = []
  const empty: number[] = []
  const window: Queue = []
  const reads = new Map<string, number>()
  const known = trueCounts(sample)
  const ghosts = ghostRow(ghostPlaces)
  let hand = 0
  let hadRoom = true
  const held = (): string[] => places.filter((key) => key !== undefined)
  const isOver = (): boolean =>
    share === 0 ? window.length > 0 : window.length > 1 && window.length > held().length * share

  /** Turns the hand to the first entry outside the window that was not read. */
  function turn(): string | undefined {
    if (held().length === window.length) return undefined
    for (;;) {
      hand = hand >= places.length ? 0 : hand
      const key = places[hand]
      if (key !== undefined && !window.includes(key)) {
        const n = reads.get(key) ?? 0
        if (n === 0) return key
        known.count(key)
        reads.set(key, share === 0 ? 0 : n - 1)
      }
      hand++
    }
  }

  function leave(key: string): string {
    const place = places.indexOf(key)
    places[place] = undefined
    empty.push(place)
    without(window, key)
    return key
  }

  function evict(): string | undefined {
    while (isOver() || window.length === held().length) {
      const oldest = window.pop()
      if (oldest === undefined) break
      const n = reads.get(oldest) ?? 0
      if (n > 0) {
        for (let i = 0; i < n; i++) known.count(oldest)
        reads.set(oldest, 0)
        window.unshift(oldest)
        continue
      }
      // What has left the window and not the cache stands outside of it; it must not defend itself.
      window.push(oldest)
      const defender = turn()
      if (defender === undefined) return leave(oldest)
      const defence = known.of(defender)
      if (known.of(oldest) > (defence >= 2 ? defence + 1 : defence)) {
        window.pop()
        hand++
        return leave(defender)
      }
      ghosts.put(oldest)
      return leave(oldest)
    }
    const victim = turn()
    if (victim === undefined) return undefined
    hand++
    return leave(victim)
  }

  return {
    request(key) {
      if (places.includes(key)) {
        reads.set(key, Math.min(3, (reads.get(key) ?? 0) + 1))
        return undefined
      }
      if (hadRoom && isOver()) window.pop()
      known.count(key)
      reads.set(key, 0)
      places[empty.pop() ?? places.length] = key
      if (share > 0 && !ghosts.take(key)) window.unshift(key)
      hadRoom = held().length <= capacity
      return hadRoom ? undefined : evict()
    },
    remove: (key) => void (places.includes(key) && leave(key)),
  }
}
