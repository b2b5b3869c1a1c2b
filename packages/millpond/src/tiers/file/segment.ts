// The files of the folder: a marker that identifies it, and the segments of the log. Other files, including links, are
// left untouched.
//
// A segment begins with the folder's id. It is created under a temporary name and linked into place: of two processes
// that create it at the same time one wins, and none sees it half written.
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  openSync,
  readdirSync,
  readSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { isError, MillpondError, show } from '../../core/errors.ts'

/** Length of a segment's header: the offset of its first record. */
export const FIRST = 32
const MAGIC = 'MPFILE1\n'
const FAMILY = 'MPFILE'
const MARKER = 'folder.millpond'
const NAME = /^(\d{8,9})\.millpond$/
const MAKING = /^\.[0-9a-f]{12}\.making$/
const ID = 16
/** Missing, a link, a folder, a pipe. */
const NO_FILE = ['ENOENT', 'ELOOP', 'EISDIR', 'ENXIO']

/** Identifies a folder. */
export interface Identity {
  readonly id: Buffer
  /** The initial value of its checksums. */
  readonly seed: number
}

export interface Segment {
  readonly number: number
  readonly path: string
  readonly fd: number
  /** The offset of the next record to read. */
  end: number
  /**
   * Bytes in the file when it was last measured: more than `end` if a process wrote behind the seal, or died while
   * writing.
   */
  size: number
  isSealed: boolean
  /** Its seal was read: everything behind it is ignored. */
  hasSeal: boolean
  /** Number and bytes of the records that are the newest of their keys. */
  live: number
  liveBytes: number
}

/** Reads the marker, or creates it. @throws MillpondError `SCHEMA_NEWER`; file system errors propagate. */
export function identify(folder: string): Identity {
  const path = join(folder, MARKER)
  for (;;) {
    const bytes = beginningAt(path, 1024)
    if (bytes !== undefined) return identityIn(bytes, folder)
    const id = idOfSegments(folder) ?? randomBytes(ID)
    const marker = Buffer.concat([Buffer.from(MAGIC), id, Buffer.alloc(4)])
    marker.writeUInt32LE(crc32(marker.subarray(0, -4)), marker.length - 4)
    appear(folder, path, marker)
  }
}

/** If only the marker was removed, the id is recovered from the segments. */
function idOfSegments(folder: string): Buffer | undefined {
  for (const number of listSegments(folder)) {
    const beginning = beginningAt(pathOf(folder, number), FIRST)
    const id = beginning?.subarray(MAGIC.length, MAGIC.length + ID)
    if (id !== undefined && beginning?.equals(beginningOf(number, id))) return id
  }
  return undefined
}

/** Reads at most `most` bytes; undefined if there is no file, or a link. */
function beginningAt(path: string, most: number): Buffer | undefined {
  const fd = quietly(NO_FILE, () => openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW))
  if (fd === undefined) return undefined
  try {
    const bytes = Buffer.alloc(most)
    return quietly(NO_FILE, () => bytes.subarray(0, readSync(fd, bytes, 0, most, 0)))
  } finally {
    closeSync(fd)
  }
}

function identityIn(bytes: Buffer, folder: string): Identity {
  const id = bytes.subarray(MAGIC.length, MAGIC.length + ID)
  const isOurs = bytes.toString('latin1', 0, MAGIC.length) === MAGIC
  if (
    isOurs &&
    bytes.length === MAGIC.length + ID + 4 &&
    crc32(bytes.subarray(0, -4)) === bytes.readUInt32LE(bytes.length - 4)
  )
    return { id, seed: id.readUInt32LE(0) }
  if (!isOurs && bytes.toString('latin1', 0, FAMILY.length) === FAMILY)
    throw new MillpondError(
      'SCHEMA_NEWER',
      `file path: ${show(folder)} was written by a newer Millpond: update, or name another folder`,
    )
  throw new MillpondError(
    'OPTION_INVALID',
    `file path: ${MARKER} in ${show(folder)} is damaged or belongs to something else: remove it together with the .millpond files next to it, or name another folder`,
  )
}

/** Segment numbers by file name, lowest first; not yet checked to be ours. */
export function listSegments(folder: string): number[] {
  return readdirSync(folder)
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

const pathOf = (folder: string, number: number): string => join(folder, `${String(number).padStart(8, '0')}.millpond`)

/** Undefined for a file that is missing or not ours. */
export function openSegment(folder: string, number: number, { id }: Identity): Segment | undefined {
  const path = pathOf(folder, number)
  const fd = quietly(NO_FILE, () => openSync(path, constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW))
  if (fd === undefined) return undefined
  try {
    const beginning = Buffer.alloc(FIRST)
    if (readSync(fd, beginning, 0, FIRST, 0) === FIRST && beginning.equals(beginningOf(number, id)))
      return {
        number,
        path,
        fd,
        end: FIRST,
        size: fstatSync(fd).size,
        isSealed: false,
        hasSeal: false,
        live: 0,
        liveBytes: 0,
      }
  } catch (error) {
    closeSync(fd)
    throw error
  }
  closeSync(fd)
  return undefined
}

/** Does nothing if the path exists. */
export function makeSegment(folder: string, number: number, { id }: Identity): void {
  appear(folder, pathOf(folder, number), beginningOf(number, id))
}

function beginningOf(number: number, id: Buffer): Buffer {
  const bytes = Buffer.concat([Buffer.from(MAGIC), id, Buffer.alloc(8)])
  bytes.writeUInt32LE(number, MAGIC.length + ID)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), FIRST - 4)
  return bytes
}

/**
 * Measures the file and truncates what stands behind its seal: the process that wrote it had not seen the seal, and
 * will notice.
 */
export function measure(segment: Segment): void {
  segment.size = fstatSync(segment.fd).size
  if (!segment.hasSeal || segment.size <= segment.end) return
  ftruncateSync(segment.fd, segment.end)
  segment.size = segment.end
}

/**
 * Removes temporary files of processes that were killed while creating one. A process that is creating one at this
 * moment does so again.
 */
export function sweep(folder: string): void {
  for (const name of readdirSync(folder)) if (MAKING.test(name)) quietly(NO_FILE, () => unlinkSync(join(folder, name)))
}

/** Creates a file atomically, with all its bytes, unless the path exists. */
function appear(folder: string, path: string, bytes: Buffer): void {
  for (let isThere = false; !isThere; ) {
    const made = join(folder, `.${randomBytes(6).toString('hex')}.making`)
    writeFileSync(made, bytes, { flag: 'wx', mode: 0o600 })
    try {
      isThere = isLinked(made, path)
    } finally {
      quietly('ENOENT', () => unlinkSync(made))
    }
  }
}

/** `false` if another process swept it away. */
function isLinked(made: string, path: string): boolean {
  try {
    linkSync(made, path)
    return true
  } catch (error) {
    const code = codeOf(error)
    if (code !== 'EEXIST' && code !== 'ENOENT') throw error
    return code === 'EEXIST'
  }
}

/** Returns undefined instead of throwing the given error codes. */
export function quietly<T>(codes: string | readonly string[], work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    const code = codeOf(error)
    if (code !== undefined && codes.includes(code)) return undefined
    throw error
  }
}

const codeOf = (error: unknown): string | undefined =>
  isError(error) && 'code' in error ? String(error.code) : undefined
