// A text in a folder of its own that processes replace by compare-and-set, without a lock: with a lock, its holder's
// death would have to be detected, and one that only slept would then overwrite later changes.
//
// Each version is a file named by its number; the highest is current. A process that has read version n writes a draft
// and links it as n + 1, which the file system allows only one to do. Lower versions are overwritten and removed, so a
// process that slept may get a number that is free again, and a fast one may be superseded at once: both see a higher
// version. Each version therefore lists the puts that it descends from; a process whose put is not among them has lost.

import { randomBytes } from 'node:crypto'
import { link, open, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isError } from '../core/errors.ts'

/** The current version: its number, its text, and the puts that it descends from, the last one first. */
export interface Version {
  readonly number: number
  readonly text: string
  readonly puts: readonly string[]
}

const NAME = /^(\d{1,15})(-[\w-]+)?$/
const MAX_READS = 10
/**
 * The most puts that a version lists: a process that sleeps through more between two of its steps assumes that it lost,
 * and retries.
 */
const MAX_PUTS = 32

/** Undefined if there is none. Former versions left by a dead process are overwritten and removed. */
export async function newest(folder: string): Promise<Version | undefined> {
  for (let tries = 1; ; tries++) {
    const names = await namesIn(folder)
    const number = Math.max(0, ...names.filter(({ isDraft }) => !isDraft).map((one) => one.number))
    if (number === 0) return undefined
    const file = await readFile(join(folder, String(number)), 'utf8').catch(unless('ENOENT'))
    // A file that is gone or overwritten has a successor by now.
    if (file !== undefined && !file.includes('\u0000')) {
      for (const one of names) if (one.number < number) await forget(join(folder, one.name))
      const end = file.indexOf('\n')
      return { number, text: file.slice(end + 1), puts: file.slice(0, end).split(' ') }
    }
    if (tries >= MAX_READS) throw new Error(`it was replaced ${MAX_READS} times while it was read`)
  }
}

/**
 * Replaces `before` with a text, in a folder that exists; nothing of the old text is left. `false`: another process was
 * faster.
 */
export async function putAfter(folder: string, before: Version | undefined, text: string): Promise<boolean> {
  const number = (before?.number ?? 0) + 1
  const put = randomBytes(9).toString('base64url')
  const draft = join(folder, `${number}-${put}`)
  await write(draft, `${[put, ...(before?.puts ?? [])].slice(0, MAX_PUTS).join(' ')}\n${text}`)
  // If the draft is gone, another process has put this number and cleaned up.
  const isLinked = await link(draft, join(folder, String(number))).then(() => true, unless('EEXIST', 'ENOENT'))
  if (isLinked !== true) {
    await forget(draft)
    return false
  }
  await rm(draft, { force: true }) // not overwritten: it shares its bytes with the version
  await syncFolder(folder) // before the version that it replaces is removed
  const after = await newest(folder)
  // Drafts of this number hold keys too; those of running processes have lost.
  if (after?.number === number)
    for (const one of await namesIn(folder))
      if (one.isDraft && one.number === number) await forget(join(folder, one.name))
  return after?.puts.includes(put) === true
}

/** Makes names survive a power failure; if a folder cannot be synced (Windows), that depends on the system. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

async function namesIn(
  folder: string,
): Promise<readonly { readonly name: string; readonly number: number; readonly isDraft: boolean }[]> {
  const names = (await readdir(folder).catch(unless('ENOENT'))) ?? []
  return names.flatMap((name) => {
    const [, number, mark] = NAME.exec(name) ?? []
    return number === undefined ? [] : [{ name, number: Number(number), isDraft: mark !== undefined }]
  })
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

/** Overwrites the file with zeros before removing it; another process may do the same concurrently. */
async function forget(file: string): Promise<void> {
  const handle = await open(file, 'r+').catch(unless('ENOENT'))
  if (handle === undefined) return
  try {
    const { size } = await handle.stat()
    await handle.write(Buffer.alloc(size), 0, size, 0)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rm(file, { force: true })
}

const unless =
  (...codes: readonly string[]) =>
  (error: unknown): undefined => {
    if (!(isError(error) && 'code' in error && codes.includes(String(error.code)))) throw error
  }
