// The options of an upload, validated once.
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

/** A single file of the folder, if not all are uploaded. */
export interface AssetFile {
  /** In the folder, with `/`. */
  readonly path: string
  /** Default: by the name. */
  readonly contentType?: string | undefined
}

/** The progress of an upload. */
export interface UploadProgress {
  /** The file in the folder, with `/`. */
  readonly path: string
  /** `unchanged`: nothing was sent. */
  readonly did: 'sent' | 'unchanged'
  /** Files done so far, including this one. */
  readonly done: number
  /** Files to upload in total. */
  readonly all: number
  /** Bytes sent so far, including variants. */
  readonly bytes: number
}

export interface UploadOptions {
  /** The local folder whose files are uploaded. */
  readonly folder: string
  /** `s3Store(…)` or `folderStore(…)`. */
  readonly to: AssetStore
  /** Default: all files of the folder. Files that are not named stay as they are in the manifest. */
  readonly files?: readonly AssetFile[] | undefined
  /**
   * How a file is named there. Default `usualNaming`: pages, icons, manifests and service workers keep their names,
   * everything else gets its hash.
   */
  readonly naming?: ((path: string) => Naming) | undefined
  /** `Cache-Control` by file. Default: a year and `immutable` for hashed names, `no-cache` for kept ones. */
  readonly cacheControl?: ((path: string, naming: Naming) => string) | undefined
  /**
   * The variants of each compressible file with a hashed name, if smaller. Default `['br', 'gzip', 'zstd']`, the last
   * if this Node has it (22.15).
   */
  readonly encodings?: readonly Encoding[] | undefined
  /** The manifest's key. Default `'assets-manifest.json'`. */
  readonly manifest?: string | undefined
  /**
   * How long an object is kept after it no longer belongs to a file: pages that were delivered before still refer to
   * it. Default `'30d'`.
   */
  readonly keepOld?: Duration | undefined
  /** Concurrent files. Default 8. */
  readonly concurrency?: number | undefined
  /** Reports what would be sent, and sends nothing. Default `false`. */
  readonly dryRun?: boolean | undefined
  /** Called after each file. */
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined
  /** Starts no further file, and aborts those in progress. */
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
