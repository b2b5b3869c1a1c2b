// Stores for tenants' keys that need no database: this process's memory, or a local folder.
import { mkdirSync, statSync } from 'node:fs'
import { mkdir, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import type { KeyStore } from '../core/contracts.ts'
import { MillpondError, reasonOf, show } from '../core/errors.ts'
import { invalid } from './key-bytes.ts'
import { newest, putAfter, syncFolder } from './versions.ts'

/** For tests, and for caches whose entries may all be lost with the process. */
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
const NOT_MINE = 0o077
/** Tenants listed in one step. */
const STEP = 500

/**
 * Keeps each tenant's keys in a subfolder of a local folder that only its owner may read (mode 700, created if
 * missing), for all processes of a host. What is replaced is overwritten with zeros and synced before `put` resolves;
 * copies that a file system or disk keeps (snapshots, spare blocks) and backups of the folder are yours to remove.
 * @throws MillpondError `KEYRING_INVALID` for a folder that others may read; `KEYRING_UNREACHABLE` if it cannot be
 * created.
 */
export function folderKeyStore(path: string): KeyStore {
  const source = `the key folder ${show(path)}`
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const { mode } = statSync(path)
    if (process.platform !== 'win32' && (mode & NOT_MINE) !== 0)
      throw invalid(`other users may read or change it (mode ${(mode & 0o777).toString(8)}): chmod 700`, source)
  } catch (cause) {
    if (cause instanceof MillpondError) throw cause
    throw new MillpondError('KEYRING_UNREACHABLE', `${source} cannot be used: ${reasonOf(cause)}`, { cause })
  }
  const folderOf = (tenant: string): string => {
    if (!NAME.test(tenant))
      throw new MillpondError('OPTION_INVALID', `${source}: ${show(tenant)} is not an id made by tenantId`)
    return join(path, tenant)
  }
  return {
    get: async (tenant) => (await newest(folderOf(tenant)))?.text,
    async put(tenant, record, before) {
      const folder = folderOf(tenant)
      const found = await newest(folder)
      if (found?.text !== before) return false
      if (found === undefined) {
        await mkdir(folder, { recursive: true, mode: 0o700 })
        await syncFolder(path)
      }
      return putAfter(folder, found, record)
    },
    async *list() {
      let tenants: string[] = []
      for await (const entry of await opendir(path)) {
        if (entry.isDirectory()) tenants.push(entry.name)
        if (tenants.length < STEP) continue
        yield tenants
        tenants = []
      }
      if (tenants.length > 0) yield tenants
    },
    close: async () => {},
  }
}
