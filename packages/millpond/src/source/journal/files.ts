// The file system interface of a journal: few operations, so that a test can record every write and sync, and simulate
// a power failure between any two.

import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { isError } from '../../core/errors.ts'

/** An open segment that grows at its end. */
export interface AppendFile {
  /** Writes all bytes to the operating system. Throws as `node:fs` does; some of the bytes may then be written. */
  write(bytes: Uint8Array): void
  /** Resolves once everything written before survives a power failure. */
  sync(): Promise<void>
  truncate(length: number): void
  close(): void
}

export interface JournalFiles {
  /** Creates a folder with its parents. */
  makeFolder(path: string): void
  /** Names in a folder, sorted; none if it does not exist. */
  list(path: string): readonly string[]
  /** The bytes of a file; undefined if it does not exist. */
  read(path: string): Buffer | undefined
  /** Creates or replaces a small file atomically for readers; its content survives a power failure. */
  put(path: string, text: string): void
  /** Creates a file that must not exist yet. */
  append(path: string): AppendFile
  /** `false`: it no longer existed. */
  rename(from: string, to: string): boolean
  remove(path: string): void
  /** Makes the names in a folder survive a power failure. */
  syncFolder(path: string): void
  /** Marks the file as in use; `false` if it no longer exists. */
  touch(path: string): boolean
  /** Milliseconds since the file was created or touched; `Infinity` if it does not exist. */
  age(path: string): number
}

export const nodeFiles: JournalFiles = {
  makeFolder(path) {
    mkdirSync(path, { recursive: true })
  },
  list: (path) => (existsSync(path) ? readdirSync(path).sort() : []),
  read: (path) => whenThere(() => readFileSync(path), undefined),
  put(path, text) {
    const draft = join(dirname(path), `.${randomBytes(6).toString('hex')}`)
    writeFileSync(draft, text, { flush: true })
    renameSync(draft, path)
  },
  append: (path) => appendFile(openSync(path, 'ax')),
  rename: (from, to) =>
    whenThere(() => {
      renameSync(from, to)
      return true
    }, false),
  remove: (path) => rmSync(path, { recursive: true, force: true }),
  syncFolder(path) {
    const handle = openSync(path, 'r')
    try {
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
  },
  touch: (path) =>
    whenThere(() => {
      utimesSync(path, new Date(), new Date())
      return true
    }, false),
  age: (path) => whenThere(() => Date.now() - statSync(path).mtimeMs, Number.POSITIVE_INFINITY),
}

function appendFile(handle: number): AppendFile {
  return {
    write(bytes) {
      for (let at = 0; at < bytes.byteLength; ) at += writeSync(handle, bytes, at)
    },
    sync: () =>
      new Promise((resolve, reject) => fdatasync(handle, (error) => (error === null ? resolve() : reject(error)))),
    truncate: (length) => ftruncateSync(handle, length),
    close: () => closeSync(handle),
  }
}

function whenThere<T>(work: () => T, otherwise: T): T {
  try {
    return work()
  } catch (error) {
    if (isError(error) && 'code' in error && error.code === 'ENOENT') return otherwise
    throw error
  }
}
