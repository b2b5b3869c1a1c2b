// One direction of one connection through the fault proxy, and the effect of each fault on it.
import type { Socket } from 'node:net'
import type { Random } from './random.ts'

/** `up`: what the client sends. `down`: what the server sends. */
export type Direction = 'up' | 'down'

/**
 * What the proxy does to the connections that a fault applies to. Times in milliseconds. If a direction may be named,
 * absent means both.
 *
 * - `refuse`: nothing listens; open connections are reset.
 * - `reset`: each connection, open or new, is reset.
 * - `drop`: a black hole. Connections stay open (new ones too), nothing passes, not even a close.
 * - `half-open`: the black hole in one direction only.
 * - `delay`: each piece passes `ms` later, or up to `jitterMs` more; the order of bytes is kept.
 * - `cut`: each connection is closed after that many more bytes, in the middle of whatever it says.
 * - `corrupt`: flips a bit in about `rate` of the bytes (0 to 1).
 *
 * A network that heals delivers what was under way: so does the proxy after `drop` and `half-open`. With `lost: true`
 * the connections that lost something are reset at the heal instead (a cable cut for longer than TCP's patience).
 */
export type Fault =
  | { readonly kind: 'refuse' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'drop'; readonly lost?: boolean }
  | { readonly kind: 'half-open'; readonly dead: Direction; readonly lost?: boolean }
  | { readonly kind: 'delay'; readonly ms: number; readonly jitterMs?: number; readonly direction?: Direction }
  | { readonly kind: 'cut'; readonly afterBytes: number; readonly direction?: Direction }
  | { readonly kind: 'corrupt'; readonly rate: number; readonly direction?: Direction }

export type Piece = { readonly due: number } & ({ readonly bytes: Buffer } | { readonly closed: 'end' | 'reset' })

/** One direction of one connection. */
export interface Lane {
  readonly direction: Direction
  readonly from: Socket
  readonly to: Socket
  readonly queue: Piece[]
  timer: NodeJS.Timeout | undefined
  cutLeft: number
  /** When the last delayed piece is due: later pieces may not overtake it. */
  lastDue: number
  held: boolean
  /** Its end was passed on. */
  isOver: boolean
}

export function lane(direction: Direction, from: Socket, to: Socket): Lane {
  return { direction, from, to, queue: [], timer: undefined, cutLeft: 0, lastDue: 0, held: false, isOver: false }
}

export function aimsAt(direction: Direction | undefined, one: Lane): boolean {
  return direction === undefined || direction === one.direction
}

export function swallows(fault: Fault | undefined, one: Lane): boolean {
  return fault?.kind === 'drop' || (fault?.kind === 'half-open' && fault.dead === one.direction)
}

export function queued(one: Lane): number {
  return one.queue.reduce((sum, piece) => sum + ('bytes' in piece ? piece.bytes.length : 0), 0)
}

/** Flips one bit in about `rate` of the bytes of a copy. */
export function flipBits(bytes: Buffer, rate: number, random: Random): Buffer {
  const copy = Buffer.from(bytes)
  for (let at = 0; at < copy.length; at++) {
    if (random.chance(rate)) copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))
  }
  return copy
}

export function cutOf(fault: Fault | undefined): number {
  return fault?.kind === 'cut' ? fault.afterBytes : 0
}
