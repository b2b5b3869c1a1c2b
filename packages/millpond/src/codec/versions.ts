// A text in a folder of its own that processes replace by compare-and-set, without a lock: somebody would have to say
// when the holder of a lock is dead, and one that only slept would then overwrite what others have put since.
//
// Each version is a file that is named by its number; the highest one holds. Whoever has read number n writes a draft
// and links it as n + 1, which the file system lets one of them do. Lower versions are overwritten and removed, so a
// process that slept may get a number that is free again, and one that was quick may be followed at once: both see a
// higher one. Each version therefore says which puts it comes from, and who is not among them has lost.

import { randomBytes } from 'node:crypto'
import { link, open, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isError } from '../core/errors.ts'

/** What holds: its number, its text, and the puts that it comes from, the last one first. */
export interface Version {
  readonly number: number
  readonly text: string
  readonly puts: readonly string[]
}

const NAME = /^(\d{1,15})(-[\w-]+)?$/
const MAX_READS = 10
/**
 * Puts that a version remembers: who sleeps for longer between two steps of its own takes itself for one that has lost,
 * and does it again.
 */
const MAX_PUTS = 32

/** Undefined where there is none. What a dead process has left of former ones is overwritten and removed. */
export async function newest(folder: string): Promise<Version | undefined> {
  for (let tries = 1; ; tries++) {
    const names = await namesIn(folder)
    const number = Math.max(0, ...names.filter(({ isDraft }) => !isDraft).map((one) => one.number))
    if (number === 0) return undefined
    const file = await readFile(join(folder, String(number)), 'utf8').catch(unless('ENOENT'))
    // What is gone or overwritten has a successor by now.
    if (file !== undefined && !file.includes('\u0000')) {
      for (const one of names) if (one.number < number) await forget(join(folder, one.name))
      const end = file.indexOf('\n')
      return { number, text: file.slice(end + 1), puts: file.slice(0, end).split(' ') }
    }
    if (tries >= MAX_READS) throw new Error(`it was replaced ${MAX_READS} times while it was read`)
  }
}

/**
 * Puts a text in the place of `before`, in a folder that exists; nothing is left of what was there. `false`: somebody
 * else was faster.
 */
export async function putAfter(folder: string, before: Version | undefined, text: string): Promise<boolean> {
  const number = (before?.number ?? 0) + 1
  const put = randomBytes(9).toString('base64url')
  const draft = join(folder, `${number}-${put}`)
  await write(draft, `${[put, ...(before?.puts ?? [])].slice(0, MAX_PUTS).join(' ')}\n${text}`)
  // Without the draft somebody has put this number, and cleared up.
  const isLinked = await link(draft, join(folder, String(number))).then(() => true, unless('EEXIST', 'ENOENT'))
  if (isLinked !== true) {
    await forget(draft)
    return false
  }
  await rm(draft, { force: true }) // not overwritten: its bytes are those of the version
  await syncFolder(folder) // before what it replaces is gone
  const after = await newest(folder)
  // Drafts of this number hold keys too; those of the living have lost.
  if (after?.number === number)
    for (const one of await namesIn(folder))
      if (one.isDraft && one.number === number) await forget(join(folder, one.name))
  return after?.puts.includes(put) === true
}

/**
 * Names survive a loss of power; where a folder cannot be synced (Windows) they are as safe as the system makes them.
 */
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

/** Overwritten with zeros before it leaves; somebody else may do the same at that moment. */
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
