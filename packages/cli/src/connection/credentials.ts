// Tokens stored by `millpond login`, by server, in a file that only its owner may read.
import { randomBytes } from 'node:crypto'
import { mkdir, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure, wrongUse } from '../failure.ts'
import { isObject, readOptional } from './files.ts'

const fileIn = (folder: string): string => join(folder, 'credentials.json')

async function all(folder: string): Promise<Record<string, string>> {
  const path = fileIn(folder)
  const text = await readOptional(path)
  if (text === undefined) return {}
  const { mode } = await stat(path)
  if (process.platform !== 'win32' && (mode & 0o077) !== 0)
    throw new Failure(
      'usage',
      `${path} is readable by others: run "chmod 600" on it, and replace the tokens if it has been so for long`,
    )
  try {
    const parsed: unknown = JSON.parse(text)
    if (isObject(parsed))
      return Object.fromEntries(
        Object.entries(parsed).flatMap(([url, token]) => (typeof token === 'string' ? [[url, token]] : [])),
      )
  } catch {
    // As below.
  }
  throw wrongUse(`${path} is not in the format of "millpond login": remove it and log in again`)
}

export const storedToken = async (folder: string, url: string): Promise<string | undefined> => (await all(folder))[url]

/** `undefined` removes it. Returns whether there was one. */
export async function keepToken(folder: string, url: string, token: string | undefined): Promise<boolean> {
  const { [url]: before, ...others } = await all(folder)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const draft = `${fileIn(folder)}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, `${JSON.stringify(token === undefined ? others : { ...others, [url]: token }, null, 2)}\n`, {
    mode: 0o600,
    flag: 'wx',
  })
  await rename(draft, fileIn(folder))
  return before !== undefined
}
