// Makes variants of a folder's images, each by a job: never within a request, a few at a time, and again only if an
// image or a setting has changed.
import { readFile } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import { createCache } from 'millpond'
import {
  checkOptions,
  fn,
  listOf,
  required,
  type Shape,
  signal as signalCheck,
  text,
  withMethods,
} from 'millpond/options'
import { each } from '../assets/each.ts'
import { sha256OfBytes } from '../assets/hash.ts'
import { filesIn, type LocalFile, type SkippedFile } from '../assets/walk.ts'
import { CdnError } from '../errors.ts'
import type { ImageEntry, ImageManifest } from './entry.ts'
import { IMAGES, type ImageOptions, imageSettings } from './options.ts'
import { Results } from './results.ts'
import type { ImageJobs } from './waiting.ts'
import { byJob, settingsDigest, workOn } from './work.ts'

export interface OptimizeOptions extends ImageOptions {
  /** The local folder whose images are read. */
  readonly folder: string
  /**
   * The destination of the variants, with the same layout. Not within `folder`. Default: `folder` with the suffix
   * `-optimized`.
   */
  readonly output?: string | undefined
  /** Default: all images of the folder. */
  readonly paths?: readonly string[] | undefined
  /**
   * Runs the jobs: `cache.jobs`. Default: jobs of this process only, four at a time. Other processes that take part
   * need `workOnImages(jobs)` and the same folders.
   */
  readonly jobs?: ImageJobs | undefined
  /** Called after each image. */
  readonly onProgress?: ((progress: ImageProgress) => void) | undefined
  /** Starts no further image. */
  readonly signal?: AbortSignal | undefined
}

export interface ImageProgress {
  /** The image in the source folder. */
  readonly path: string
  /** `unchanged`: it had been made from the same file with the same settings. */
  readonly did: 'made' | 'unchanged' | 'failed'
  /** Images done so far, including this one. */
  readonly done: number
  /** Images in total. */
  readonly all: number
}

export interface OptimizeReport {
  /** Images that were found, or named. */
  readonly images: number
  /** Of these, those whose variants were made now. */
  readonly made: number
  /** Of these, those whose variants existed already. */
  readonly unchanged: number
  /** Of these, those that could not be processed, each with the reason. */
  readonly failed: readonly { readonly path: string; readonly code: string; readonly message: string }[]
  /** Files that are not optimised, each with the reason. */
  readonly passedBy: readonly SkippedFile[]
  /** The total sizes of the images, and of the smallest variant of each at full width. */
  readonly bytesBefore: number
  /** The total size of the smallest variant of each at full width. */
  readonly bytesAfter: number
  /** The manifest of all images of the destination folder. */
  readonly manifest: ImageManifest
}

const OPTIONS: Shape<OptimizeOptions> = {
  ...IMAGES,
  folder: required(text),
  output: text,
  paths: listOf(text, "a list such as ['photo.jpg']"),
  jobs: withMethods<ImageJobs>('jobs, such as cache.jobs', 'add', 'handle', 'get', 'cancel'),
  onProgress: fn(),
  signal: signalCheck,
}

const PICTURE = /\.(?:jpe?g|png|gif|webp|avif)$/i
const SVG = /\.svgz?$/i

/**
 * Makes variants of images: AVIF and WebP besides each image's own format, in the widths that fit it, keeping only
 * those that are smaller. Camera metadata is removed. An image that cannot be processed is reported and does not stop
 * the others.
 * @throws MillpondError `OPTION_INVALID`; CdnError `PACKAGE_MISSING`, `NOT_FOUND`, `TARGET_INVALID`, `ABORTED`.
 */
export async function optimizeImages(options: OptimizeOptions): Promise<OptimizeReport> {
  checkOptions<OptimizeOptions>(options, OPTIONS, 'optimizeImages')
  const { jobs } = options
  if (jobs !== undefined) return optimizedBy(jobs, options)
  const cache = createCache({ name: 'images' })
  try {
    return await optimizedBy(cache.jobs, options)
  } finally {
    await cache.close()
  }
}

/**
 * Makes this process take part in optimisations by others over the same jobs and folders; returns a function that stops
 * it.
 */
export function workOnImages(jobs: ImageJobs): () => void {
  return workOn(jobs).end
}

async function optimizedBy(jobs: ImageJobs, options: OptimizeOptions): Promise<OptimizeReport> {
  const { signal, onProgress } = options
  const folder = resolve(options.folder)
  const output = resolve(options.output ?? `${folder}-optimized`)
  if (output === folder || output.startsWith(folder + sep))
    throw new CdnError(
      'TARGET_INVALID',
      `the results in ${output} would themselves be pictures of ${folder}: choose an output outside it`,
      {
        vendor: 'images',
      },
    )
  const { files, passedBy } = await pictures(folder, options.paths)
  const results = new Results(output)
  const settings = imageSettings(options)
  const work = workOn(jobs)
  const entries: ImageEntry[] = []
  let [made, unchanged] = [0, 0]
  const one = async ({ path, at }: LocalFile): Promise<void> => {
    const before = await results.entry(path)
    const isSame =
      before !== undefined &&
      before.settings === settingsDigest(settings) &&
      before.sha256 === sha256OfBytes(await readFile(at))
    if (!isSame) await byJob({ path, at, output, settings }, jobs, work, signal)
    const entry = isSame ? before : await results.entry(path)
    if (entry === undefined)
      throw new CdnError(
        'CHANGED',
        `the results for ${JSON.stringify(path)} are missing: is another process working in ${output}?`,
        {
          vendor: 'images',
        },
      )
    entries.push(entry)
    if (isSame) unchanged++
    else if (entry.failure === undefined) made++
    onProgress?.({
      path,
      did: isSame ? 'unchanged' : entry.failure === undefined ? 'made' : 'failed',
      done: entries.length,
      all: files.length,
    })
  }
  try {
    // Jobs are bounded separately; this bounds the files that are read for comparison.
    await each(files, 8, one)
  } finally {
    work.end()
  }
  if (options.paths === undefined) await results.keepOnly(new Set(files.map(({ path }) => path)))
  const good = entries.filter(({ failure }) => failure === undefined)
  const smallest = ({ variants }: ImageEntry): number => {
    const full = Math.max(...variants.map(({ width }) => width))
    return Math.min(...variants.filter(({ width }) => width === full).map(({ bytes }) => bytes))
  }
  return {
    images: files.length,
    made,
    unchanged,
    failed: entries.flatMap(({ path, failure }) => (failure === undefined ? [] : [{ path, ...failure }])),
    passedBy,
    bytesBefore: good.reduce((sum, { bytes }) => sum + bytes, 0),
    bytesAfter: good.reduce((sum, entry) => sum + smallest(entry), 0),
    manifest: await results.writeManifest(await results.all()),
  }
}

async function pictures(
  folder: string,
  paths: readonly string[] | undefined,
): Promise<{ files: LocalFile[]; passedBy: SkippedFile[] }> {
  const { files, passedBy } = await filesIn(folder)
  const all = files.filter(({ path }) => PICTURE.test(path))
  const vectors = files
    .filter(({ path }) => SVG.test(path))
    .map(({ path }) => ({ path, why: 'SVG may contain scripts and is not made of pixels: it stays as it is' }))
  if (paths === undefined) return { files: all, passedBy: [...passedBy, ...vectors] }
  const known = new Map(all.map((file) => [file.path, file]))
  const chosen = paths.map((path) => {
    const file = known.get(path.normalize('NFC'))
    if (file === undefined)
      throw new CdnError('NOT_FOUND', `${JSON.stringify(path)} is not a picture of ${folder}`, { vendor: 'images' })
    return file
  })
  return { files: chosen, passedBy: [] }
}
