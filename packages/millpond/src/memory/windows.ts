// Learns from a sample which characters distinguish the keys.
//
// A service's keys have a shape: a prefix, an id, a suffix. A window of four characters over the part that differs,
// counted from the start or the end, tells as much as the whole key. Candidates are the windows in which neighbours of
// the sample differ most; the one with the fewest collisions among pairs of the sample is chosen, and a second, third
// or fourth is added while too many pairs collide.
import { hashWindows, WINDOW } from './hash.ts'

/** Keys sampled: enough to detect a collision rate of one pair in 130,000. */
export const SAMPLE = 512
/**
 * A part of the sample is checked first: a window with more collisions in it than another has in all of the sample need
 * not be checked further.
 */
const PART = 4
/** Neighbours that are compared to find candidates: one in this many. */
const NEIGHBOURS = 3
/** How far from either end a window may be. */
const FAR = 256
const CANDIDATES = 32
const MOST_WINDOWS = 4
/** Keys with which a key may share its hash, on average: the index has room for one. */
const COMPANY = 0.25

interface Candidate {
  readonly window: number
  /** How often its characters differ between neighbours. */
  readonly change: number
}

/**
 * Windows whose characters distinguish the keys, at least `least`; none if no four windows do, which means the whole
 * key.
 * @param sample keys in the order of the index, which cannot be chosen by an attacker
 * @param population how many keys there will be
 */
export function learnWindows(sample: readonly string[], population: number, least = 1): Int32Array {
  const candidates = promising(sample)
  const part = sample.filter((_, i) => i % PART === 0)
  const most = (COMPANY * sample.length * (sample.length - 1)) / 2 / population
  let chosen: number[] = []
  let together = Number.POSITIVE_INFINITY
  while (chosen.length < MOST_WINDOWS && (chosen.length < least || together > most)) {
    const before: number[] = chosen
    let best = Number.POSITIVE_INFINITY
    for (const { window } of candidates) {
      if (before.includes(window)) continue
      const windows = Int32Array.of(...before, window)
      if (pairsTogether(part, windows) >= best) continue
      const pairs = pairsTogether(sample, windows)
      if (pairs < best) {
        best = pairs
        chosen = [...before, window]
      }
      if (best === 0) break
    }
    if (chosen === before) break
    together = best
  }
  return chosen.length >= least && together <= 4 * most ? Int32Array.from(chosen) : new Int32Array(0)
}

/** Of windows with equal merit, the one with most changes comes first. */
function promising(sample: readonly string[]): Candidate[] {
  const fromBegin = new Uint32Array(FAR)
  const fromEnd = new Uint32Array(FAR)
  for (let i = 1; i < sample.length; i += NEIGHBOURS) {
    const one = sample[i - 1] as string
    const other = sample[i] as string
    const both = Math.min(one.length, other.length, FAR)
    for (let at = 0; at < both; at++) {
      if (one.charCodeAt(at) !== other.charCodeAt(at)) (fromBegin[at] as number)++
      if (one.charCodeAt(one.length - 1 - at) !== other.charCodeAt(other.length - 1 - at)) (fromEnd[at] as number)++
    }
  }
  const candidates: Candidate[] = []
  for (let at = 0; at + WINDOW <= FAR; at++) {
    const begin = changeWithin(fromBegin, at)
    if (begin > 0) candidates.push({ window: at, change: begin })
    const end = changeWithin(fromEnd, at)
    if (end > 0) candidates.push({ window: -at - WINDOW, change: end })
  }
  return candidates.sort((a, b) => b.change - a.change).slice(0, CANDIDATES)
}

function changeWithin(changes: Uint32Array, at: number): number {
  let sum = 0
  for (let i = at; i < at + WINDOW; i++) sum += changes[i] as number
  return sum
}

/** Pairs of the sample that the windows do not distinguish. */
function pairsTogether(sample: readonly string[], windows: Int32Array): number {
  const hashes = new Int32Array(sample.length)
  for (let i = 0; i < hashes.length; i++) hashes[i] = hashWindows(sample[i] as string, windows)
  hashes.sort()
  let pairs = 0
  let run = 0
  for (let i = 1; i < hashes.length; i++) {
    run = hashes[i] === hashes[i - 1] ? run + 1 : 0
    pairs += run
  }
  return pairs
}
