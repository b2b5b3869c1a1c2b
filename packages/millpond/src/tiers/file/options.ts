// The options of the file tier, checked once.
import { type Duration, parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { checkNames } from '../../core/options.ts'

/** Something an operator should know and no caller must fail for. */
export interface FileWarning {
  /** `replaced`: the folder was removed or exchanged. `upkeep`: room could not be made in the background. */
  readonly kind: 'replaced' | 'upkeep'
  readonly message: string
  readonly cause?: unknown
}

export interface FileTierOptions {
  /** A folder on a local disk, made if it is not there. Several caches and processes of one host may share it; network file systems do not keep appends apart. */
  readonly path: string
  /** Most bytes on the disk, all of the folder's segments together; from 1 MiB. Default 1 GiB. */
  readonly maxBytes?: number
  /** How often the folder is looked after: what others removed, room for what comes. Default `'1s'`. */
  readonly upkeepEvery?: Duration
  readonly onWarning?: (warning: FileWarning) => void
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

const NAMES = new Set(['path', 'maxBytes', 'upkeepEvery', 'onWarning'])
const MIB = 1_048_576
/** A segment is the step in which room is made. */
const SEGMENTS = 64
const LARGEST_SEGMENT = 32 * MIB
const LARGEST_ITEM = 8 * MIB
/** However large, so many fit. */
const LEAST_ITEMS = 32
const LARGEST_ENTRY = 64 * MIB
const LEAST_ENTRIES = 8

/** @throws MillpondError `OPTION_INVALID` or `DURATION_INVALID`, naming the option and showing the value. */
export function resolveFile(options: FileTierOptions): FileSettings {
  checkNames(options, NAMES, 'file option')
  const { path, maxBytes = 1024 * MIB, onWarning } = options
  if (typeof path !== 'string' || path === '' || path.includes('\u0000'))
    throw new MillpondError('OPTION_INVALID', `file path: ${show(path)} is not the name of a folder: give one such as './cache'`)
  if (!Number.isSafeInteger(maxBytes) || maxBytes < MIB)
    throw new MillpondError('OPTION_INVALID', `file maxBytes: ${show(maxBytes)} is not allowed: give a whole number from ${MIB} (1 MiB)`)
  if (onWarning !== undefined && typeof onWarning !== 'function')
    throw new MillpondError('OPTION_INVALID', `file onWarning: ${show(onWarning)} is not a function`)
  const upkeepMs = parseDuration(options.upkeepEvery ?? 1000, 'file upkeepEvery')
  if (!(upkeepMs >= 10 && upkeepMs <= 60_000))
    throw new MillpondError('OPTION_INVALID', `file upkeepEvery: ${show(options.upkeepEvery)} is not allowed: give 10 ms to a minute`)
  const segmentBytes = Math.min(LARGEST_SEGMENT, Math.floor(maxBytes / SEGMENTS))
  return {
    path,
    maxBytes,
    segmentBytes,
    itemBytes: Math.min(LARGEST_ITEM, Math.floor(maxBytes / LEAST_ITEMS)),
    entryBytes: Math.min(LARGEST_ENTRY, Math.floor(maxBytes / LEAST_ENTRIES)),
    upkeepMs,
    warn: onWarning ?? (() => {}),
  }
}
