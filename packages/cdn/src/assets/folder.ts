// A plain folder as a store, as served by one's own web server. An object is renamed into place once it is complete and
// synced to disk.
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { checkOptions, required, type Shape, text } from 'millpond/options'
import { CdnError } from '../errors.ts'
import { isError } from '../is-error.ts'
import { sha256Of } from './hash.ts'
import type { AssetBody, AssetObject, AssetStore, ListedObject } from './store.ts'

export interface FolderStoreOptions {
  /** Created if missing. */
  readonly path: string
}

const OPTIONS: Shape<FolderStoreOptions> = { path: required(text) }
/** Never listed, and present only during writes; what a crash leaves in it is removed by a later upload. */
const UNFINISHED = '.millpond-unfinished'
/** Older files belong to no running process. */
const LEFT_BEHIND_MS = 86_400_000
const MISSING = new Set(['ENOENT', 'ENOTDIR'])

/**
 * Content types and cache headers are the web server's business: a folder stores none.
 * @throws MillpondError `OPTION_INVALID`
 */
export function folderStore(options: FolderStoreOptions): AssetStore {
  checkOptions<FolderStoreOptions>(options, OPTIONS, 'folderStore')
  const root = resolve(options.path)
  const name = options.path
  const at = (key: string): string => {
    const parts = key.split('/')
    // A manifest written by hand must not lead out of the folder.
    if (parts.some((part) => part === '' || part === '.' || part === '..'))
      throw new CdnError('TARGET_INVALID', `${JSON.stringify(key)} is not a key: it would leave ${name}`, {
        vendor: 'folder',
      })
    return join(root, ...parts)
  }
  const versionAt = async (path: string): Promise<string> => {
    const { size, mtimeMs } = await stat(path)
    return `${size}-${mtimeMs}`
  }

  const unfinishedFolder = join(root, UNFINISHED)
  let writing = 0

  /** Another process may be writing there. */
  async function clean(): Promise<void> {
    for (const entry of await orNothing(readdir(unfinishedFolder), [])) {
      const path = join(unfinishedFolder, entry)
      const found = await orNothing(stat(path), undefined)
      if (found !== undefined && Date.now() - found.mtimeMs > LEFT_BEHIND_MS) await rm(path, { force: true })
    }
  }

  async function* list(): AsyncIterable<ListedObject> {
    await clean()
    yield* under('')
  }

  async function* under(prefix: string): AsyncIterable<ListedObject> {
    for (const entry of await orNothing(readdir(join(root, prefix), { withFileTypes: true }), [])) {
      const key = prefix === '' ? entry.name : `${prefix}/${entry.name}`
      if (entry.isDirectory() && entry.name !== UNFINISHED) yield* under(key)
      else if (entry.isFile()) yield { key, bytes: (await stat(at(key))).size, version: await versionAt(at(key)) }
    }
  }

  return {
    name,
    list: () => typed(list(), name),
    facts: (key) =>
      told(name, async () => {
        const found = await orNothing(stat(at(key)), undefined)
        if (found === undefined) return undefined
        return { bytes: found.size, sha256: await sha256Of(at(key)), contentType: undefined, cacheControl: undefined }
      }),
    read: (key) =>
      told(name, async () => {
        const body = await orNothing(readFile(at(key)), undefined)
        return body === undefined ? undefined : { body, version: await versionAt(at(key)) }
      }),
    put: (object, { signal, ifVersion } = {}) =>
      told(name, async () => {
        const unfinished = join(unfinishedFolder, randomUUID())
        writing++
        try {
          await mkdir(unfinishedFolder, { recursive: true })
          await write(unfinished, object, signal)
          const target = at(object.key)
          await mkdir(dirname(target), { recursive: true })
          if (ifVersion !== undefined && (await orNothing(versionAt(target), null)) !== ifVersion)
            throw new CdnError(
              'CHANGED',
              `${object.key} in ${name} was changed by another process meanwhile: upload again`,
              {
                vendor: 'folder',
              },
            )
          await rename(unfinished, target)
          return await versionAt(target)
        } finally {
          await rm(unfinished, { force: true })
          // If another process writes there, it is not empty, and stays.
          if (--writing === 0) await rmdir(unfinishedFolder).catch(() => undefined)
        }
      }),
    drop: (keys) =>
      told(name, async () => {
        for (const key of keys) await rm(at(key), { force: true })
      }),
  }
}

async function write(path: string, { key, body, sha256 }: AssetObject, signal: AbortSignal | undefined): Promise<void> {
  const hash = createHash('sha256')
  const handle = await open(path, 'wx')
  try {
    for await (const piece of piecesOf(body)) {
      signal?.throwIfAborted()
      hash.update(piece)
      await handle.writeFile(piece)
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  if (hash.digest('hex') !== sha256) throw changed(key)
}

async function* piecesOf(body: AssetBody): AsyncIterable<Uint8Array> {
  if ('path' in body) yield* createReadStream(body.path, { highWaterMark: 1024 * 1024 })
  else yield body
}

export const changed = (key: string): CdnError =>
  new CdnError('CHANGED', `the file of ${key} was changed while it was uploaded: is a build running? Upload again`, {
    vendor: 'assets',
  })

async function orNothing<T, N>(found: Promise<T>, nothing: N): Promise<T | N> {
  return found.catch((error: NodeJS.ErrnoException) => {
    if (MISSING.has(error.code ?? '')) return nothing
    throw error
  })
}

async function told<T>(name: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    throw typedError(name, error)
  }
}

async function* typed<T>(all: AsyncIterable<T>, name: string): AsyncIterable<T> {
  try {
    yield* all
  } catch (error) {
    throw typedError(name, error)
  }
}

function typedError(name: string, error: unknown): unknown {
  const code = isError(error) && 'code' in error ? String(error.code) : undefined
  if (error instanceof CdnError || code === undefined || (isError(error) && error.name === 'AbortError')) return error
  const remedy =
    code === 'ENOSPC'
      ? 'the disk is full'
      : code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
        ? 'this user may not write there'
        : 'check what is in the way'
  return new CdnError('REFUSED', `the folder ${name} rejects it (${code}): ${remedy}`, {
    vendor: 'folder',
    cause: error,
  })
}
