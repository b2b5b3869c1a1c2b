// The files that configure the server: validated field by field; an unknown field is reported, not ignored.
import { readFile } from 'node:fs/promises'
import { isError } from 'millpond/options'
import { wrongUse } from '../failure.ts'

export interface Settings {
  readonly url?: string
  readonly token_file?: string
  readonly profiles?: Readonly<Record<string, Settings>>
}

export interface SettingsFile {
  readonly path: string
  readonly settings: Settings
  readonly isOfFolder: boolean
}

export async function readSettings(path: string, isOfFolder: boolean): Promise<SettingsFile | undefined> {
  const text = await readOptional(path)
  if (text === undefined) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw wrongUse(`${path} is not JSON (${isError(error) ? error.message : error})`)
  }
  return { path, isOfFolder, settings: settingsIn(parsed, path, isOfFolder, true) }
}

function settingsIn(value: unknown, path: string, isOfFolder: boolean, isTop: boolean): Settings {
  if (!isObject(value)) throw wrongUse(`${path} does not contain an object`)
  const { url, token_file, profiles, ...others } = value
  const [unknown] = Object.keys(others)
  if (unknown !== undefined)
    throw wrongUse(`${path} has the unknown field ${JSON.stringify(unknown)}: use url, token_file and profiles`)
  if (url !== undefined && typeof url !== 'string') throw wrongUse(`${path}: url is not a string`)
  if (token_file !== undefined && typeof token_file !== 'string') throw wrongUse(`${path}: token_file is not a string`)
  if (token_file !== undefined && isOfFolder)
    throw wrongUse(
      `${path} names a token_file, which a project's file must not: put it into your own configuration, or MILLPOND_TOKEN_FILE`,
    )
  if (profiles !== undefined && (!isTop || !isObject(profiles)))
    throw wrongUse(`${path}: profiles is not an object of names`)
  return {
    ...(url !== undefined && { url }),
    ...(token_file !== undefined && { token_file }),
    ...(profiles !== undefined && {
      profiles: Object.fromEntries(
        Object.entries(profiles).map(([name, one]) => [name, settingsIn(one, path, isOfFolder, false)]),
      ),
    }),
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export async function readToken(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw wrongUse(`the token's file ${path} cannot be read (${codeOf(error)})`)
  }
}

export async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw wrongUse(`${path} cannot be read (${codeOf(error)})`)
  }
}

export const codeOf = (error: unknown): string =>
  isError(error) && 'code' in error && typeof error.code === 'string'
    ? error.code
    : isError(error)
      ? error.message
      : String(error)
