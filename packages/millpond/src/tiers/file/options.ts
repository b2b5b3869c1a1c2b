// The options of the file tier, checked once.
import { check, checkOptions, fn, refused, required, type Shape, whole } from '../../core/checks.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'

/** Something an operator should know and no caller must fail for. */
export interface FileWarning {
  /** `replaced`: the folder was removed or exchanged. `upkeep`: space could not be freed in the background. */
  readonly kind: 'replaced' | 'upkeep'
  readonly message: string
  readonly cause?: unknown
}

export interface FileTierOptions {
  /**
   * A folder on a local disk, made if it is not there. Several caches and processes of one host may share it; network
   * file systems do not keep appends apart.
   */
  readonly path: string
  /** Most bytes on the disk, all of the folder's segments together; from 1 MiB. Default 1 GiB. */
  readonly maxBytes?: number | undefined
  /** How often the folder is looked after: what others removed, room for what comes. Default `'1s'`. */
  readonly upkeepEvery?: Duration | undefined
  /** Told what fails no call and an operator should know. */
  readonly onWarning?: ((warning: FileWarning) => void) | undefined
}

export interface FileSettings {
  readonly path: string
  readonly maxBytes: number
  readonly segmentBytes: number
  /** The largest body. */
  readonly itemBytes: number
  /** The largest that is stored in pieces. */
  readonly entryBytes: number
  readonly upkeepMs: number
  readonly warn: (warning: FileWarning) => void
}

const MIB = 1_048_576
/** A segment is the step in which room is made. */
const SEGMENTS = 64
const LARGEST_SEGMENT = 32 * MIB
const LARGEST_ITEM = 8 * MIB
/** However large, so many fit. */
const LEAST_ITEMS = 32
const LARGEST_ENTRY = 64 * MIB
const LEAST_ENTRIES = 8
const OPTIONS: Shape<FileTierOptions> = {
  path: required(
    check(
      (value): value is string => typeof value === 'string' && value !== '' && !value.includes('\u0000'),
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
