// Entries as statement parameters: a batch as parallel arrays.
import { deadlineIn } from '../deadline.ts'

/**
 * Items of a batch as parallel arrays, their bodies concatenated: a single parameter is sent as bytes, an array of
 * bytes would be sent as text.
 */
export interface Packed {
  readonly keys: Buffer[]
  readonly starts: number[]
  /** -1 for an expired item: it only replaces the previous one. */
  readonly lengths: number[]
  readonly expires: (string | null)[]
  readonly bodies: Buffer
}

export function pack(
  items: readonly { readonly key: string; readonly body: Uint8Array; readonly expiresAt: number }[],
  now: number,
): Packed {
  const keys: Buffer[] = []
  const starts: number[] = []
  const lengths: number[] = []
  const expires: (string | null)[] = []
  const bodies: Uint8Array[] = []
  let start = 1
  for (const { key, body, expiresAt } of items) {
    const isGone = expiresAt <= now
    keys.push(bytesOf(key))
    starts.push(start)
    lengths.push(isGone ? -1 : body.length)
    expires.push(deadlineIn(expiresAt)?.toString() ?? null)
    if (isGone) continue
    bodies.push(body)
    start += body.length
  }
  return { keys, starts, lengths, expires, bodies: Buffer.concat(bodies) }
}

export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'utf8')
}

/**
 * Keys are compared by their UTF-8 bytes, which never contain 0xFF: prefix + 0xFF is above every key under the prefix.
 */
export function above(prefix: string): Buffer {
  return Buffer.concat([bytesOf(prefix), Uint8Array.of(0xff)])
}
