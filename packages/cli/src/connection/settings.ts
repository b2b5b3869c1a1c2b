// Which server, and which token: from flag, environment, the folder's file, the user's file. Each carries its origin,
// so that a failure can name it.
import { homedir } from 'node:os'
import { join } from 'node:path'
import { showAddress } from 'millpond/options'
import type { Given } from '../arguments/given.ts'
import { Failure, wrongUse } from '../failure.ts'
import { readInput } from '../terminal/ask.ts'
import type { Streams } from '../terminal/streams.ts'
import { storedToken } from './credentials.ts'
import { readSettings, readToken, type SettingsFile } from './files.ts'

export interface Connection {
  /** Ends with a slash. */
  readonly url: string
  readonly urlFrom: string
  readonly token: string | undefined
  /** Undefined: none was given. */
  readonly tokenFrom: string | undefined
}

const DEFAULT_URL = 'http://127.0.0.1:8090'
const API = '/api/admin/caching/'

export const userFolder = (env: Streams['env']): string =>
  join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'millpond')
export const projectFile = (cwd: string): string => join(cwd, 'millpond.config.json')

interface Said {
  readonly url: string
  readonly from: string
  /** The folder's file may be someone else's. */
  readonly isOfFolder: boolean
  readonly tokenFile: string | undefined
}

/** The URL only: for commands that ask for a token themselves, or need none. */
export async function addressFor(given: Given, streams: Streams): Promise<Pick<Connection, 'url' | 'urlFrom'>> {
  const { url, from } = await whichUrl(given, streams)
  return { url: urlIn(url, from), urlFrom: from }
}

export async function connectionFor(given: Given, streams: Streams): Promise<Connection> {
  const said = await whichUrl(given, streams)
  const url = urlIn(said.url, said.from)
  const token = await whichToken(given, streams, said, url)
  return { url, urlFrom: said.from, token: token?.token, tokenFrom: token?.from }
}

/** That of `--token-file`, with `-` for standard input. */
export async function givenToken(file: string, streams: Streams): Promise<{ token: string; from: string }> {
  if (file === '-')
    return { token: tokenIn(await readInput(streams, 'the token'), 'standard input'), from: 'standard input' }
  return { token: tokenIn(await readToken(file), file), from: file }
}

async function whichUrl(given: Given, { env, cwd }: Streams): Promise<Said> {
  const flag = given.text('url')
  if (flag !== undefined) return { url: flag, from: '--url', isOfFolder: false, tokenFile: undefined }
  if (env.MILLPOND_URL) return { url: env.MILLPOND_URL, from: 'MILLPOND_URL', isOfFolder: false, tokenFile: undefined }
  const profile = given.text('profile') ?? env.MILLPOND_PROFILE
  const files = await Promise.all([
    readSettings(projectFile(cwd), true),
    readSettings(join(userFolder(env), 'config.json'), false),
  ])
  for (const file of files) {
    const chosen = file === undefined ? undefined : profileOf(file, profile)
    if (file !== undefined && chosen?.url !== undefined)
      return { url: chosen.url, from: file.path, isOfFolder: file.isOfFolder, tokenFile: chosen.token_file }
  }
  if (profile !== undefined)
    throw wrongUse(
      `no file has the profile ${profile}: add it to ${projectFile('.')} or ${join(userFolder(env), 'config.json')}`,
    )
  return { url: DEFAULT_URL, from: 'the default', isOfFolder: false, tokenFile: undefined }
}

const profileOf = ({ settings }: SettingsFile, profile: string | undefined) =>
  profile === undefined ? settings : settings.profiles?.[profile]

async function whichToken(
  given: Given,
  streams: Streams,
  said: Said,
  url: string,
): Promise<{ token: string; from: string } | undefined> {
  const { env } = streams
  const file = given.text('token-file')
  if (file !== undefined) return givenToken(file, streams)
  const own = await storedToken(userFolder(env), url)
  if (said.isOfFolder) {
    if (own !== undefined) return { token: own, from: 'millpond login' }
    if (env.MILLPOND_TOKEN)
      throw new Failure(
        'usage',
        `the server ${url} is named by ${said.from}, so MILLPOND_TOKEN is not sent to it: set --url or MILLPOND_URL yourself, or "millpond login" there once`,
      )
    return undefined
  }
  if (env.MILLPOND_TOKEN) return { token: tokenIn(env.MILLPOND_TOKEN, 'MILLPOND_TOKEN'), from: 'MILLPOND_TOKEN' }
  if (env.MILLPOND_TOKEN_FILE)
    return {
      token: tokenIn(await readToken(env.MILLPOND_TOKEN_FILE), env.MILLPOND_TOKEN_FILE),
      from: env.MILLPOND_TOKEN_FILE,
    }
  if (said.tokenFile !== undefined)
    return { token: tokenIn(await readToken(said.tokenFile), said.tokenFile), from: said.tokenFile }
  return own === undefined ? undefined : { token: own, from: 'millpond login' }
}

/** Characters that a header can carry; the token itself is not repeated. */
export function tokenIn(text: string, from: string): string {
  const token = text.trim()
  if (/^[\x21-\x7e]{1,4096}$/.test(token)) return token
  throw wrongUse(
    `${from} does not contain a token: it is ${token === '' ? 'empty' : 'not one word of printable ASCII'}`,
  )
}

function urlIn(text: string, from: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw wrongUse(
      `${from} says ${showAddress(text)}, which is not an address: give one such as https://caches.example.com`,
    )
  if (url.username !== '' || url.password !== '')
    throw wrongUse(
      `${from} contains a user name or password: pass a token in MILLPOND_TOKEN or --token-file, never in an address`,
    )
  if (url.search !== '' || url.hash !== '')
    throw wrongUse(`${from} says ${showAddress(url.href)}: remove the part that begins with "?" or "#"`)
  return url.pathname === '/' ? url.origin + API : url.href.replace(/\/*$/, '/')
}
