// The file system as a journal uses it: few verbs, so that a test can record every write and sync, and take the power
// away between any two.

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
  /** Hands all bytes to the operating system. Throws as `node:fs` does; some of the bytes may then be there. */
  write(bytes: Uint8Array): void
  /** Resolves once everything that was written before survives a loss of power. */
  sync(): Promise<void>
  truncate(length: number): void
  close(): void
}

export interface JournalFiles {
  /** Makes a folder with its parents. */
  makeFolder(path: string): void
  /** Names in a folder, sorted; none when it is not there. */
  list(path: string): readonly string[]
  /** The bytes of a file; undefined when it is not there. */
  read(path: string): Buffer | undefined
  /** Creates or replaces a small file, in one step as far as readers see; its content survives a loss of power. */
  put(path: string, text: string): void
  /** Creates a file that must not exist yet. */
  append(path: string): AppendFile
  /** `false`: it was not there any more. */
  rename(from: string, to: string): boolean
  remove(path: string): void
  /** Makes the names in a folder survive a loss of power. */
  syncFolder(path: string): void
  /** Says that the file is in use; `false` when it is not there any more. */
  touch(path: string): boolean
  /** Milliseconds since the file was put or touched; `Infinity` when it is not there. */
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
