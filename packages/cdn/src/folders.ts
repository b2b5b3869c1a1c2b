// Folders that a program allows callers of its control plane to upload, or to optimise images in: by name, so that
// callers cannot choose a path.
import { realpath } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import {
  checkOptions,
  flag,
  fn,
  listOf,
  omit,
  oneOf,
  options as optionsOf,
  recordOf,
  refused,
  required,
  type Shape,
  signal,
  text,
  withMethods,
} from 'millpond/options'
import { type AssetFile, FILE, UPLOAD, type UploadOptions, type UploadProgress } from './assets/options.ts'
import type { AssetStore } from './assets/store.ts'
import type { UploadReport } from './assets/upload.ts'
import { CdnError } from './errors.ts'
import type { ImageProgress, OptimizeReport } from './images/optimize.ts'
import { IMAGES, type ImageOptions } from './images/options.ts'
import { FORMATS, type ImageFormat } from './images/sniff.ts'

type UploadDefaults = Omit<UploadOptions, 'folder' | 'to' | 'files' | 'dryRun' | 'onProgress' | 'signal' | 'now'>

/** One local folder. */
export interface CdnFolderOptions {
  /** Its local path. */
  readonly path: string
  /**
   * The destination of its files: `s3Store(…)` or `folderStore(…)` of `@millpond/cdn/assets`. Default: they are not
   * uploaded.
   */
  readonly to?: AssetStore | undefined
  /** Options of the upload: see `uploadAssets`. */
  readonly upload?: UploadDefaults | undefined
  /** The destination of optimised images. Not within `path`. Default: its images are not optimised. */
  readonly output?: string | undefined
  /** Options of the optimisation: see `optimizeImages`. */
  readonly images?: ImageOptions | undefined
}

/** A folder as callers see it: its name, and no local paths. */
export interface DescribedFolder {
  /** As configured in `folders` of `createCdn`. */
  readonly name: string
  /** `s3://site/static/`, or that it is another folder; undefined: it is not uploaded. */
  readonly to: string | undefined
  /** Whether its images can be optimised: it has an `output`. */
  readonly hasImages: boolean
}

interface InFolder {
  /** Its name; optional if only one folder supports this. */
  readonly folder?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface FolderUploadOptions extends InFolder {
  /** Reports what would be sent, and sends nothing. Default `false`. */
  readonly dryRun?: boolean | undefined
  /** Called after each file. */
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined
}

export interface FolderImagesOptions extends InFolder {
  /** Called after each image. */
  readonly onProgress?: ((progress: ImageProgress) => void) | undefined
}

const FOLDER: Shape<CdnFolderOptions> = {
  path: required(text),
  to: withMethods<AssetStore>('a store, such as s3Store() or folderStore()', 'list', 'facts', 'read', 'put', 'drop'),
  upload: optionsOf<UploadDefaults>(omit(UPLOAD, 'folder', 'to', 'files', 'dryRun', 'onProgress', 'signal', 'now')),
  output: text,
  images: optionsOf(IMAGES),
}
const NAME = /^[\w.-]{1,64}$/
const byName = recordOf(optionsOf(FOLDER), 'folders by name')

export const FOLDERS = (value: unknown, at: string): Readonly<Record<string, CdnFolderOptions>> => {
  const folders = byName(value, at)
  for (const name of Object.keys(folders))
    if (!NAME.test(name)) throw refused(name, at, 'names of up to 64 letters, digits, dots and dashes')
  return folders
}

const IN = { folder: text, signal }
const UPLOADING: Shape<FolderUploadOptions> = { ...IN, dryRun: flag, onProgress: fn() }
const MAKING: Shape<FolderImagesOptions> = { ...IN, onProgress: fn() }
const assetFiles = listOf(optionsOf<AssetFile>(FILE), "a list such as [{ path: 'app.js' }]")
const picturePaths = listOf(text, "a list such as ['photo.jpg']")
const imageFormats = listOf(oneOf(...FORMATS), "a list such as ['webp', 'avif']")

export class Folders {
  readonly #folders: ReadonlyMap<string, CdnFolderOptions>
  /** What is in progress: two at a time would disturb each other. */
  readonly #busy = new Set<string>()

  constructor(folders: Readonly<Record<string, CdnFolderOptions>>) {
    this.#folders = new Map(Object.entries(folders))
  }

  describe(): readonly DescribedFolder[] {
    return [...this.#folders].map(([name, { to, output }]) => ({
      name,
      to: to && shownName(to),
      hasImages: output !== undefined,
    }))
  }

  async upload(files: readonly AssetFile[] | undefined, options: FolderUploadOptions): Promise<UploadReport> {
    checkOptions<FolderUploadOptions>(options, UPLOADING, 'uploadAssets')
    if (files !== undefined) assetFiles(files, 'assets')
    const { folder, ...how } = options
    const one = this.#chosen(folder, 'to', 'uploaded')
    const { path, to, upload } = one
    const { uploadAssets } = await import('./assets/upload.ts')
    return this.#alone('upload', one, () => uploadAssets({ ...upload, ...how, folder: path, to, files }))
  }

  async optimize(
    paths: readonly string[] | undefined,
    formats: readonly ImageFormat[] | undefined,
    options: FolderImagesOptions,
  ): Promise<OptimizeReport> {
    checkOptions<FolderImagesOptions>(options, MAKING, 'optimizeImages')
    if (paths !== undefined) picturePaths(paths, 'paths')
    if (formats !== undefined) imageFormats(formats, 'formats')
    const { folder, ...how } = options
    const one = this.#chosen(folder, 'output', 'optimised')
    const { path, output, images } = one
    const { optimizeImages } = await import('./images/optimize.ts')
    return this.#alone('images', one, () =>
      optimizeImages({ ...images, ...(formats !== undefined && { formats }), ...how, folder: path, output, paths }),
    )
  }

  /** @throws CdnError `NOT_FOUND`, `TARGET_INVALID` */
  #chosen<K extends 'to' | 'output'>(asked: string | undefined, needs: K, done: string) {
    const able = [...this.#folders].flatMap(([name, folder]) => {
      const value = folder[needs]
      return value === undefined
        ? []
        : [
            { name, ...folder, [needs]: value } as NamedFolder & {
              readonly [N in K]-?: NonNullable<CdnFolderOptions[N]>
            },
          ]
    })
    const names = able.map(({ name }) => name).join(', ')
    const remedy = `give createCdn({ folders: { ${asked ?? 'site'}: { path, ${needs} } } })`
    if (able.length === 0) throw new CdnError('NOT_FOUND', `there is no folder to be ${done}: ${remedy}`)
    const [only] = able
    if (asked === undefined && able.length === 1 && only !== undefined) return only
    if (asked === undefined)
      throw new CdnError('TARGET_INVALID', `several folders can be ${done}: name one of ${names}`)
    const found = able.find(({ name }) => name === asked)
    if (found !== undefined) return found
    throw new CdnError('NOT_FOUND', `${JSON.stringify(asked)} is not a folder that can be ${done}: those are ${names}`)
  }

  async #alone<T>(act: 'upload' | 'images', folder: NamedFolder, work: () => Promise<T>): Promise<T> {
    const own = `${act} of ${folder.name}`
    if (this.#busy.has(own)) throw new CdnError('CHANGED', `${own} is already in progress: wait until it has ended`)
    this.#busy.add(own)
    try {
      return await work()
    } catch (error) {
      throw error instanceof CdnError ? await withoutPlaces(error, folder) : error
    } finally {
      this.#busy.delete(own)
    }
  }
}

type NamedFolder = { readonly name: string } & CdnFolderOptions

const OF_HOST = 'a folder of the host'
/** A store that is a folder is identified by its path. */
const shownName = ({ name }: AssetStore): string => (isAbsolute(name) ? OF_HOST : name)

/** The same error for callers: local paths are replaced by names. Its cause has the paths. */
async function withoutPlaces(error: CdnError, { name, path, output, to }: NamedFolder): Promise<CdnError> {
  const places: [place: string, called: string][] = []
  for (const [given, called] of [
    [path, `the folder ${name}`],
    [output, `the pictures of ${name}`],
    [to?.name, OF_HOST],
  ] as const) {
    if (given === undefined) continue
    const whole = resolve(given)
    for (const one of [given, whole, await realpath(whole).catch(() => whole)])
      if (isAbsolute(one) && one.length > 1) places.push([one, called], [JSON.stringify(one).slice(1, -1), called])
  }
  // The longest first: one may be inside another.
  places.sort(([a], [b]) => b.length - a.length)
  const { code, vendor, status, retryAfterMs } = error
  const words = error.message.replace(/^\[millpond\] \[[^\]]*\] /, '')
  const shown = places.reduce((text, [place, called]) => text.replaceAll(place, called), words)
  return shown === words ? error : new CdnError(code, shown, { vendor, status, retryAfterMs, cause: error })
}
