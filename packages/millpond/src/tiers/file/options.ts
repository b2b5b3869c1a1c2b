// The options of the file tier, validated once.
import { check, checkOptions, fn, refused, required, type Shape, whole } from '../../core/checks.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { isUrl } from '../url.ts'

/** A problem that an operator should know about but that fails no call. */
export interface FileWarning {
  /** `replaced`: the folder was removed or exchanged. `upkeep`: space could not be freed in the background. */
  readonly kind: 'replaced' | 'upkeep'
  /** What happened, in a sentence for an operator. */
  readonly message: string
  /** The error behind it, if there is one. */
  readonly cause?: unknown
}

export interface FileTierOptions {
  /**
   * A folder on a local disk, created if it does not exist. Several caches and processes of one host may share it;
   * network file systems do not keep concurrent appends apart.
   */
  readonly path: string
  /** Maximum bytes on disk of all the folder's segments together; at least 1 MiB. Default 1 GiB. */
  readonly maxBytes?: number | undefined
  /**
   * How often the folder is maintained: picks up what others removed, and frees space ahead of need. Default `'1s'`.
   */
  readonly upkeepEvery?: Duration | undefined
  /** Called with problems that fail no call but that an operator should know about. */
  readonly onWarning?: ((warning: FileWarning) => void) | undefined
}

export interface FileSettings {
  readonly path: string
  readonly maxBytes: number
  readonly segmentBytes: number
  /** The largest body. */
  readonly itemBytes: number
  /** The largest entry, stored in pieces. */
  readonly entryBytes: number
  readonly upkeepMs: number
  readonly warn: (warning: FileWarning) => void
}

const MIB = 1_048_576
/** Space is freed one segment at a time. */
const SEGMENTS = 64
const LARGEST_SEGMENT = 32 * MIB
const LARGEST_ITEM = 8 * MIB
/** At least this many items fit, however large they are. */
const LEAST_ITEMS = 32
const LARGEST_ENTRY = 64 * MIB
const LEAST_ENTRIES = 8
const OPTIONS: Shape<FileTierOptions> = {
  path: required(
    check(
      (value): value is string =>
        typeof value === 'string' && value !== '' && !value.includes('\u0000') && !isUrl(value),
      "the name of a folder, such as './cache'",
    ),
  ),
  maxBytes: whole(MIB),
  upkeepEvery: (value, at) => {
    const ms = parseDuration(value, at)
    if (ms >= 10 && ms <= 60_000) return value as Duration
    throw refused(value, at, '10 ms to a minute')
  },
  onWarning: fn(),
}

/** @throws MillpondError `OPTION_INVALID` or `DURATION_INVALID`, naming the option and showing the value. */
export function resolveFile(options: FileTierOptions): FileSettings {
  checkOptions<FileTierOptions>(options, OPTIONS, 'file')
  const { path, maxBytes = 1024 * MIB, upkeepEvery = 1000, onWarning } = options
  const segmentBytes = Math.min(LARGEST_SEGMENT, Math.floor(maxBytes / SEGMENTS))
  return {
    path,
    maxBytes,
    segmentBytes,
    itemBytes: Math.min(LARGEST_ITEM, Math.floor(maxBytes / LEAST_ITEMS)),
    entryBytes: Math.min(LARGEST_ENTRY, Math.floor(maxBytes / LEAST_ENTRIES)),
    upkeepMs: parseDuration(upkeepEvery, 'file.upkeepEvery'),
    warn: onWarning ?? (() => {}),
  }
}
