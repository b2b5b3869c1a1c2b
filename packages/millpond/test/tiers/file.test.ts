// The file tier against the published suite: with room enough, and in a folder so small that segments come and go.
import { appendFileSync, closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { describeTier } from '../../src/testing/tier.ts'
import { type FileTierOptions, file } from '../../src/tiers/file/index.ts'
import { headAt, isWhole, keyAt } from '../../src/tiers/file/record.ts'
import { FIRST, identify } from '../../src/tiers/file/segment.ts'
import { temporaryFolder } from './folder.ts'

const folder = temporaryFolder()
let path = ''

const suite = (name: string, options: Partial<FileTierOptions>): void =>
  describeTier(
    { describe, it },
    {
      name,
      open: async () => {
        path = folder()
        return file({ path, ...options })
      },
      again: async () => file({ path, ...options }),
      openBounded: async () => {
        path = folder()
        const bounded = { path, ...options, maxBytes: 1_048_576 }
        return [file(bounded), file(bounded)]
      },
      record: {
        load: async (key) => [place(key).record],
        store: async (key, [bytes]) => replace(key, bytes ?? new Uint8Array(0)),
      },
    },
  )

suite('file', {})
suite('file (segments of 128 KiB)', { maxBytes: 4 * 1_048_576 })

/** Where the newest record of each key was last seen whole: a flipped one cannot be found by its head. */
const seen = new Map<string, { readonly segment: string; readonly offset: number }>()

function place(key: string): { readonly segment: string; readonly offset: number; readonly record: Buffer } {
  const segment = join(path, '00000001.millpond')
  const bytes = readFileSync(segment)
  const { seed } = identify(path)
  for (let at = FIRST; at < bytes.length; ) {
    const head = headAt(bytes, at, seed)
    if (head === undefined) break
    if (keyAt(bytes, at, head) === key) {
      seen.set(key, { segment, offset: at })
      return { segment, offset: at, record: bytes.subarray(at, at + head.length) }
    }
    at += head.length
  }
  throw new Error(`there is no record of ${key}`)
}

function replace(key: string, bytes: Uint8Array): boolean {
  const { segment, offset } = seen.get(key) ?? place(key)
  const fd = openSync(segment, 'r+')
  writeSync(fd, bytes, 0, bytes.length, offset)
  closeSync(fd)
  // One that is whole also comes anew, as if written now: what was there may have been dropped.
  const { seed } = identify(path)
  const head = headAt(Buffer.from(bytes), 0, seed)
  if (head !== undefined && isWhole(Buffer.from(bytes), 0, head, seed)) appendFileSync(segment, bytes)
  return true
}
