// The hash of a file's content, whatever its size.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** SHA-256 in hex. Reads a megabyte at a time. */
export async function sha256Of(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, {
    highWaterMark: 1024 * 1024,
    ...(signal !== undefined && { signal }),
  }))
    hash.update(piece)
  return hash.digest('hex')
}

export const sha256OfBytes = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
