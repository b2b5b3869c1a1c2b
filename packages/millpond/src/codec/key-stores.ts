// Where tenants' keys may be kept without a database: in this process, or in a folder of a host.
import { randomBytes } from 'node:crypto'
import { mkdirSync, statSync } from 'node:fs'
import { link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { KeyStore } from '../core/contracts.ts'
import { MillpondError, reasonOf, show } from '../core/errors.ts'
import { invalid } from './keyring.ts'

/** For tests and for caches whose entries may all be lost with the process. */
export function memoryKeyStore(): KeyStore {
  const records = new Map<string, string>()
  return {
    get: async (tenant) => records.get(tenant),
    async put(tenant, record, before) {
      if (records.get(tenant) !== before) return false
      records.set(tenant, record)
      return true
    },
    async *list() {
      yield [...records.keys()]
    },
    close: async () => {},
  }
}

const NAME = /^[\w-]{1,64}$/
const SUFFIX = '.json'
const NOT_MINE = 0o077
/** A lock that is older belongs to nobody: its process is dead. */
const STALE_MS = 10_000
const WAIT_MS = 2
const MAX_READS = 10

/**
 * A file for each tenant in a folder of a local disk that only its owner may read (mode 700, made where it does not exist), for all processes of a host. What is replaced is overwritten
 * with zeros and synced before it is let go; what a file system or a disk keeps of that (snapshots, spare blocks), and backups of the folder, are yours to look after.
 * @throws MillpondError `KEYRING_INVALID` for a folder that others may read; `KEYRING_UNREACHABLE` where it cannot be made.
 */
export function folderKeyStore(path: string): KeyStore {
  const source = `the key folder ${show(path)}`
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const { mode } = statSync(path)
    if (process.platform !== 'win32' && (mode & NOT_MINE) !== 0)
      throw invalid(`others may read or change it (mode ${(mode & 0o777).toString(8)}): chmod 700`, source)
  } catch (cause) {
    if (cause instanceof MillpondError) throw cause
    throw new MillpondError('KEYRING_UNREACHABLE', `${source} cannot be used: ${reasonOf(cause)}`, { cause })
  }
  const fileOf = (tenant: string): string => {
    if (!NAME.test(tenant)) throw new MillpondError('OPTION_INVALID', `${source}: ${show(tenant)} is not what tenantId makes`)
    return join(path, `${tenant}${SUFFIX}`)
  }
  return {
    get: async (tenant) => read(fileOf(tenant)),
    async put(tenant, record, before) {
      const file = fileOf(tenant)
      const draft = join(path, `.${randomBytes(9).toString('base64url')}`)
      await write(draft, record)
      try {
        if (before === undefined) return await linked(draft, file)
        return await locked(`${file}.lock`, () => replace(file, draft, before))
      } finally {
        await rm(draft, { force: true })
        await syncFolder(path)
      }
    },
    async *list() {
      const names = await readdir(path)
      yield names.flatMap((name) => (name.endsWith(SUFFIX) ? [name.slice(0, -SUFFIX.length)] : []))
    },
    close: async () => {},
  }
}

/** Who has opened a file just before it was replaced may find zeros in it: another one has its name by then. */
async function read(file: string): Promise<string | undefined> {
  try {
    for (let tries = 1; ; tries++) {
      const text = await readFile(file, 'utf8')
      if (!text.includes('\u0000') || tries >= MAX_READS) return text
    }
  } catch (error) {
    if (isOf(error, 'ENOENT')) return undefined
    throw error
  }
}

async function write(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The first one to give the name has it, and the file is whole when it has a name. */
async function linked(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file)
    return true
  } catch (error) {
    if (isOf(error, 'EEXIST')) return false
    throw error
  }
}

/** The former bytes are overwritten when nobody finds them under the name any more. */
async function replace(file: string, draft: string, before: string): Promise<boolean> {
  if ((await read(file)) !== before) return false
  const former = await open(file, 'r+')
  try {
    await rename(draft, file)
    const { size } = await former.stat()
    await former.write(Buffer.alloc(size), 0, size, 0)
    await former.sync()
    return true
  } finally {
    await former.close()
  }
}

async function locked<T>(lock: string, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      await (await open(lock, 'wx', 0o600)).close()
      break
    } catch (error) {
      if (!isOf(error, 'EEXIST')) throw error
      const { mtimeMs } = await stat(lock).catch(() => ({ mtimeMs: Date.now() }))
      if (Date.now() - mtimeMs > STALE_MS) await rm(lock, { force: true })
      else await pause(WAIT_MS)
    }
  }
  try {
    return await work()
  } finally {
    await rm(lock, { force: true })
  }
}

/** Names survive a loss of power; where a folder cannot be synced (Windows) they are as safe as the system makes them. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

const isOf = (error: unknown, code: string): boolean => error instanceof Error && 'code' in error && error.code === code
