// Bodies that may be stored as strings, which a hit sends without copying: those that convert back to the same bytes.
import { isAscii, isUtf8 } from 'node:buffer'

/** The encoding in which the bytes are a string without loss, or `undefined` if they should stay bytes. */
export function textOf(chunks: readonly Buffer[]): 'latin1' | 'utf8' | undefined {
  if (chunks.every((chunk) => isAscii(chunk))) return 'latin1'
  const whole = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
  return isUtf8(whole) ? 'utf8' : undefined
}
