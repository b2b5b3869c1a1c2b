// A real service on a free loopback port with a small database of its own, and a client that speaks to it.
import { createTokens } from '../src/http/tokens.ts'
import { type Service, startService } from '../src/service.ts'
import { readSettings } from '../src/settings.ts'
import { makeFolder } from './temporary-folder.ts'

export const SECRET = 'a secret that only the tests of this run know'

/**
 * Each organisation's first three users are its administrator, a manager and a viewer; organisation 1's administrator
 * runs the service.
 */
export interface Member {
  readonly userId: number
  readonly organizationId: number
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
  readonly json: any
}

export interface Subject {
  readonly service: Service
  readonly folder: string
  readonly said: string[]
  token(member: Member): string
  get(path: string, as?: Member, headers?: Record<string, string>): Promise<Reply>
  send(
    method: string,
    path: string,
    as: Member | undefined,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Reply>
  stop(): Promise<void>
}

export interface SubjectOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Keeps the folder of an earlier one. */
  readonly folder?: string
}

export const SMALL = ['--organizations', '4', '--users', '24', '--deals', '400', '--edge-port', 'off'] as const

export async function startSubject({
  args = SMALL,
  env = {},
  folder = makeFolder(),
}: SubjectOptions = {}): Promise<Subject> {
  const said: string[] = []
  const settings = readSettings(['--port', '0', '--dir', folder, ...args], {
    DEALS_TOKEN_SECRET: SECRET,
    CACHE_WARMING_ENABLED: 'false',
    ...env,
  })
  if (!settings) throw new Error('help was asked for')
  const service = await startService(settings, (line) => said.push(line))
  const tokens = createTokens(SECRET)
  const ask = async (
    method: string,
    path: string,
    as: Member | undefined,
    headers: Record<string, string>,
    body?: string,
  ): Promise<Reply> => {
    const authorization = as ? { authorization: `Bearer ${tokens.issue(as)}` } : {}
    const answer = await fetch(service.url + path, {
      method,
      headers: { ...authorization, ...headers },
      ...(body === undefined ? {} : { body }),
    })
    const text = await answer.text()
    const isJson = answer.headers.get('content-type')?.includes('json') ?? false
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      json: isJson && text !== '' ? JSON.parse(text) : undefined,
    }
  }
  return {
    service,
    folder,
    said,
    token: (member) => tokens.issue(member),
    get: (path, as, headers = {}) => ask('GET', path, as, headers),
    send: (method, path, as, body, headers = {}) =>
      ask(
        method,
        path,
        as,
        body === undefined ? headers : { 'content-type': 'application/json', ...headers },
        body === undefined ? undefined : JSON.stringify(body),
      ),
    stop: () => service.close(),
  }
}

/** What the layer said that answered, without those below; of the HTTP cache only its hits. */
export function cacheStatus(reply: Reply): string {
  const members = reply.headers.get('cache-status')?.split(', ') ?? []
  return members.filter((member) => !member.startsWith('deals-http; fwd')).at(-1) ?? ''
}

/** A tier that a busy machine lets answer too late has not answered: that it is one is expected `'in time'`. */
export const isHit = (reply: Reply): boolean => /^deals-(?:response|http); hit/.test(cacheStatus(reply))
