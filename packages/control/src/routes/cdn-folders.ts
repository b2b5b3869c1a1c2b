// Folders that the host allows to be uploaded, and whose images may be optimized: operations, by a folder's name and
// paths within it, never by a path of the caller's choosing.
import { z } from 'zod'
import { cdnOf, IMAGE_FORMATS, problemOf } from '../cdn/part.ts'
import { defineRoute, type Route } from '../http/route.ts'
import type { Outcome, Step } from '../operations/operations.ts'
import { orLater } from '../operations/wait.ts'
import { refuseLimited } from './cdn.ts'
import { accepted, operation } from './schemas.ts'

const path = z.string().min(1).max(1024)
const given = {
  folder: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe('one of the folders listed by cdn/status/; optional if only one can do this'),
  reason: z.string().max(1000).optional(),
}
const answers = {
  200: { description: 'The result', schema: operation },
  202: { description: 'It runs', schema: accepted },
  404: { description: 'No such folder, or no such file in it' },
  409: { description: 'It is already in progress, or its files or manifest were changed meanwhile' },
  422: { description: 'A file that cannot be an asset, several folders, or no CDN is connected' },
}
/** The most names in a result, so that an operation stays small. */
const MAX_NAMES = 1000

export const cdnFolderRoutes: readonly Route[] = [
  defineRoute({
    method: 'POST',
    path: 'cdn/upload_assets/',
    summary: 'Upload the files of a folder under hashed names; unchanged files are not sent again',
    scope: 'cdn:write',
    rate: 'scan',
    body: z.strictObject({
      assets: z
        .array(z.strictObject({ path, content_type: z.string().min(1).max(256).optional() }))
        .min(1)
        .max(10_000)
        .optional()
        .describe('paths within the folder; default: all files'),
      ...given,
      dry_run: z.boolean().default(false),
    }),
    answers,
    handle({ control, principal, caller, body, request, base }) {
      const cdn = cdnOf(control.cdn)
      refuseLimited(principal)
      const assets = body.assets?.map((one) => ({ path: one.path, contentType: one.content_type }))
      return orLater(request, base, (began) =>
        control.operations.run(
          { kind: 'upload_assets', prefix: 'op', caches: [], request: body, reason: body.reason },
          caller,
          (step) =>
            followed(step, began, async (work) => {
              const made = await cdn.uploadAssets(assets, { folder: body.folder, dryRun: body.dry_run, ...work })
              const { files, unchanged, bytes, kept, dryRun } = made
              const counted = {
                files,
                unchanged,
                sent: made.sent.length,
                bytes,
                dropped: made.dropped.length,
                kept,
                dry_run: dryRun,
              }
              const result = {
                ...counted,
                manifest_written: made.manifestWritten ?? null,
                objects: made.sent.slice(0, MAX_NAMES),
                passed_by: made.passedBy.slice(0, MAX_NAMES),
              }
              return { state: 'completed', result, audited: counted }
            }),
        ),
      )
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'cdn/optimize_images/',
    summary: 'Convert the pictures of a folder to AVIF and WebP in several widths, where that is smaller',
    scope: 'cdn:write',
    rate: 'scan',
    body: z.strictObject({
      image_paths: z
        .array(path)
        .min(1)
        .max(10_000)
        .optional()
        .describe('paths within the folder; default: all pictures'),
      formats: z
        .array(z.enum(IMAGE_FORMATS))
        .max(5)
        .optional()
        .describe("in addition to each picture's own format; default: as configured for the folder"),
      ...given,
    }),
    answers,
    handle({ control, principal, caller, body, request, base }) {
      const cdn = cdnOf(control.cdn)
      refuseLimited(principal)
      return orLater(request, base, (began) =>
        control.operations.run(
          { kind: 'optimize_images', prefix: 'op', caches: [], request: body, reason: body.reason },
          caller,
          (step) =>
            followed(step, began, async (work) => {
              const made = await cdn.optimizeImages(body.image_paths, body.formats, { folder: body.folder, ...work })
              const counted = {
                images: made.images,
                made: made.made,
                unchanged: made.unchanged,
                failed: made.failed.length,
                bytes_before: made.bytesBefore,
                bytes_after: made.bytesAfter,
              }
              const result = {
                ...counted,
                failures: made.failed.slice(0, MAX_NAMES),
                passed_by: made.passedBy.slice(0, MAX_NAMES),
              }
              return { state: made.failed.length > 0 ? 'partial' : 'completed', result, audited: counted }
            }),
        ),
      )
    },
  }),
]

interface Following {
  readonly signal: AbortSignal
  readonly onProgress: (progress: { readonly done: number; readonly all: number }) => void
}
/** The interval of checking for cancellation, and of recording progress. */
const LOOK_MS = 500

/** @throws Problem if the package refuses */
async function followed(
  { id, progress, isCancelled }: Step,
  began: (id: string) => void,
  work: (how: Following) => Promise<Outcome>,
): Promise<Outcome> {
  began(id)
  const stop = new AbortController()
  let latest: { readonly done: number; readonly all: number } | undefined
  let looking: Promise<void> = Promise.resolve()
  const look = async (): Promise<void> => {
    if (latest !== undefined) await progress({ done: latest.done, all: latest.all })
    if (await isCancelled()) stop.abort()
  }
  const timer = setInterval(() => {
    looking = looking.then(look).catch(() => undefined) // the next check tries again
  }, LOOK_MS)
  try {
    return await work({
      signal: stop.signal,
      onProgress: (so) => {
        latest = so
      },
    })
  } catch (error) {
    if (stop.signal.aborted) return { state: 'cancelled', result: latest ?? null }
    throw problemOf(error)
  } finally {
    clearInterval(timer)
    // A pending progress update must not overwrite the end.
    await looking
  }
}
