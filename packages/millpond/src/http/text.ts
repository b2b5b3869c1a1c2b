// Bodies that may be kept as strings, which a hit sends without copying: those that become the same bytes again.
import { isAscii, isUtf8 } from 'node:buffer'

/** How the bytes can be a string and back without loss, or `undefined` where they had better stay bytes. */
export function textOf(chunks: readonly Buffer[]): 'latin1' | 'utf8' | undefined {
  if (chunks.every((chunk) => isAscii(chunk))) return 'latin1'
  const whole = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
  return isUtf8(whole) ? 'utf8' : undefined
}
