// Sends the body of an object to S3: small ones whole, large ones in parts, so that a file of any size takes a few
// megabytes of memory.
import { createHash } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import type * as S3 from '@aws-sdk/client-s3'
import { changed } from './folder.ts'
import { sha256OfBytes } from './hash.ts'
import type { AssetObject } from './store.ts'

type Ask = <T>(command: (sdk: typeof S3) => object, signal?: AbortSignal) => Promise<T>
interface Input {
  readonly Bucket: string
  readonly Key: string
}

/** Larger objects are sent in parts of this size: one part of each concurrent file is in memory. */
export const PART_BYTES = 8 * 1024 * 1024
const MAX_PARTS = 10_000

/** @throws CdnError `CHANGED` if the file has changed since it was planned. */
export async function wholeBody({ body, sha256, key }: AssetObject): Promise<Uint8Array> {
  const bytes = 'path' in body ? await readFile(body.path) : body
  if (sha256OfBytes(bytes) !== sha256) throw changed(key)
  return bytes
}

/**
 * One part after the other; the object appears when the last request is answered, which is also the one that evaluates
 * the condition (`only`).
 */
export async function sendInParts(
  object: AssetObject,
  path: string,
  input: Input,
  only: { readonly IfMatch?: string; readonly IfNoneMatch?: string },
  ask: Ask,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { UploadId } = await ask<S3.CreateMultipartUploadCommandOutput>(
    (sdk) => new sdk.CreateMultipartUploadCommand(input),
    signal,
  )
  const at = { Bucket: input.Bucket, Key: input.Key, UploadId }
  try {
    const Parts = await sendParts(object, path, at, ask, signal)
    const done = await ask<S3.CompleteMultipartUploadCommandOutput>(
      (sdk) => new sdk.CompleteMultipartUploadCommand({ ...at, ...only, MultipartUpload: { Parts } }),
      signal,
    )
    return done.ETag
  } catch (error) {
    // Parts are billed until then; if this fails too, a lifecycle rule of the bucket removes them, and the first error
    // counts.
    await ask((sdk) => new sdk.AbortMultipartUploadCommand(at)).catch(() => undefined)
    throw error
  }
}

async function sendParts(
  { key, bytes, sha256 }: AssetObject,
  path: string,
  at: Input & { UploadId: string | undefined },
  ask: Ask,
  signal?: AbortSignal,
) {
  const size = Math.max(PART_BYTES, Math.ceil(bytes / MAX_PARTS))
  const hash = createHash('sha256')
  const parts: { PartNumber: number; ETag: string | undefined }[] = []
  const file = await open(path)
  try {
    const buffer = Buffer.allocUnsafe(size)
    for (let sent = 0; ; ) {
      const read = await filled(file, buffer)
      if (read === 0) break
      const Body = buffer.subarray(0, read)
      hash.update(Body)
      sent += read
      if (sent > bytes) throw changed(key)
      const PartNumber = parts.length + 1
      const { ETag } = await ask<S3.UploadPartCommandOutput>(
        (sdk) => new sdk.UploadPartCommand({ ...at, PartNumber, Body, ContentLength: read }),
        signal,
      )
      parts.push({ PartNumber, ETag })
    }
  } finally {
    await file.close()
  }
  if (hash.digest('hex') !== sha256) throw changed(key)
  return parts
}

async function filled(file: Awaited<ReturnType<typeof open>>, buffer: Buffer): Promise<number> {
  let at = 0
  while (at < buffer.length) {
    const { bytesRead } = await file.read(buffer, at, buffer.length - at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return at
}
