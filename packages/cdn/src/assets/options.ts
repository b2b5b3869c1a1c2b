// What an upload is told, checked once.
import type { Duration } from 'millpond'
import {
  check,
  checkOptions,
  duration,
  flag,
  fn,
  listOf,
  oneOf,
  options as optionsOf,
  parseDuration,
  required,
  type Shape,
  signal,
  text,
  whole,
  withMethods,
} from 'millpond/options'
import { available, ENCODINGS, type Encoding } from './encode.ts'
import { IMMUTABLE, type Naming, REVALIDATED, usualNaming } from './names.ts'
import type { AssetStore } from './store.ts'

/** One file of the folder, where not all of them are uploaded. */
export interface AssetFile {
  /** In the folder, with `/`. */
  readonly path: string
  /** Default: by the name. */
  readonly contentType?: string | undefined
}

/** How far an upload is. */
export interface UploadProgress {
  readonly path: string
  /** `unchanged`: nothing was sent. */
  readonly did: 'sent' | 'unchanged'
  /** Files that are done, this one included. */
  readonly done: number
  readonly all: number
  /** Sent so far, variants included. */
  readonly bytes: number
}

export interface UploadOptions {
  /** The folder on this machine whose files go up. */
  readonly folder: string
  /** `s3Store(…)` or `folderStore(…)`. */
  readonly to: AssetStore
  /** Default: all files of the folder. Files that are not named stay as they are in the manifest. */
  readonly files?: readonly AssetFile[] | undefined
  /**
   * How a file is called there. Default `usualNaming`: pages, icons, manifests and service workers keep their names,
   * everything else gets its hash.
   */
  readonly naming?: ((path: string) => Naming) | undefined
  /**
   * `Cache-Control` by file. Default: a year and `immutable` where the name has a hash, `no-cache` where it is kept.
   */
  readonly cacheControl?: ((path: string, naming: Naming) => string) | undefined
  /**
   * Variants beside each compressible file whose name has a hash, where they are smaller. Default `['br', 'gzip',
   * 'zstd']`, the last where this Node has it (22.15).
   */
  readonly encodings?: readonly Encoding[] | undefined
  /** The manifest's key. Default `'assets-manifest.json'`. */
  readonly manifest?: string | undefined
  /**
   * How long an object stays once no file is it any more: pages that were delivered before still refer to it. Default
   * `'30d'`.
   */
  readonly keepOld?: Duration | undefined
  /** Files at a time. Default 8. */
  readonly concurrency?: number | undefined
  /** Tells what would be sent, and sends nothing. Default `false`. */
  readonly dryRun?: boolean | undefined
  /** Told after each file. */
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined
  /** Begins no further file; what is under way is given up. */
  readonly signal?: AbortSignal | undefined
  /** For tests: epoch milliseconds. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

export const FILE: Shape<AssetFile> = { path: required(text), contentType: text }
export const UPLOAD: Shape<UploadOptions> = {
  folder: required(text),
  to: required(
    withMethods<AssetStore>('a store, such as s3Store() or folderStore()', 'list', 'facts', 'read', 'put', 'drop'),
  ),
  files: listOf(optionsOf(FILE), "a list such as [{ path: 'app.js' }]"),
  naming: fn("a function that returns 'hash', 'hashed' or 'keep'"),
  cacheControl: fn('a function that returns a Cache-Control'),
  encodings: listOf(oneOf('br', 'gzip', 'zstd'), "a list of 'br', 'gzip' and 'zstd'"),
  manifest: check(
    (value): value is string => typeof value === 'string' && /^[^/\\]/.test(value) && !value.split('/').includes('..'),
    "a key such as 'assets-manifest.json'",
  ),
  keepOld: duration,
  concurrency: whole(1, 256),
  dryRun: flag,
  onProgress: fn(),
  signal,
  now: fn('a function that returns epoch milliseconds'),
}

export interface UploadSettings {
  readonly folder: string
  readonly to: AssetStore
  readonly files: ReadonlyMap<string, AssetFile> | undefined
  readonly naming: (path: string) => Naming
  readonly cacheControl: (path: string, naming: Naming) => string
  readonly encodings: readonly Encoding[]
  readonly manifest: string
  readonly keepOldMs: number
  readonly concurrency: number
  readonly isDry: boolean
  readonly onProgress: (progress: UploadProgress) => void
  readonly signal: AbortSignal | undefined
  readonly now: () => number
}

/** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID` */
export function settingsOf(options: UploadOptions): UploadSettings {
  checkOptions<UploadOptions>(options, UPLOAD, 'uploadAssets')
  const wanted = options.encodings ?? (Object.keys(ENCODINGS) as Encoding[]) // its own names
  return {
    folder: options.folder,
    to: options.to,
    files:
      options.files === undefined
        ? undefined
        : new Map(options.files.map((file) => [file.path.normalize('NFC'), file])),
    naming: options.naming ?? usualNaming,
    cacheControl: options.cacheControl ?? ((_, naming) => (naming === 'keep' ? REVALIDATED : IMMUTABLE)),
    encodings: available(wanted),
    manifest: options.manifest ?? 'assets-manifest.json',
    keepOldMs: parseDuration(options.keepOld ?? '30d', 'keepOld'),
    concurrency: options.concurrency ?? 8,
    isDry: options.dryRun ?? false,
    onProgress: options.onProgress ?? (() => {}),
    signal: options.signal,
    now: options.now ?? Date.now,
  }
}
