// The body of an object on its way to S3: small ones whole, large ones in parts, so that a file of any size takes a few
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

/** Above it an object is sent in parts: so much of a file is in memory at a time, for each that is under way. */
export const PART_BYTES = 8 * 1024 * 1024
const MAX_PARTS = 10_000

/** @throws CdnError `CHANGED` where the file is no longer what was planned. */
export async function wholeBody({ body, sha256, key }: AssetObject): Promise<Uint8Array> {
  const bytes = 'path' in body ? await readFile(body.path) : body
  if (sha256OfBytes(bytes) !== sha256) throw changed(key)
  return bytes
}

/**
 * One part after the other; the object is there once the last request is answered, and not before: what must be there
 * until then (`only`) is judged by that one.
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
    // The parts are paid for until then; where this fails too, a rule of the bucket takes them away, and the first
    // error is what counts.
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
