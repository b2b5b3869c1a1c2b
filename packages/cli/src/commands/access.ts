// The current user at the server, and the credentials of people and programs.
import type { Command, Context } from '../command.ts'
import { Client } from '../connection/client.ts'
import { keepToken } from '../connection/credentials.ts'
import { list } from '../connection/pages.ts'
import { at, numberAt, rowsAt, textAt, textsAt } from '../connection/read.ts'
import { senderFor } from '../connection/send.ts'
import { addressFor, givenToken, tokenIn, userFolder } from '../connection/settings.ts'
import { wrongUse } from '../failure.ts'
import { type Asking, readSecret } from '../terminal/ask.ts'
import type { Streams } from '../terminal/streams.ts'
import { joined, styled, text } from '../terminal/text.ts'
import { clock, counted } from '../terminal/units.ts'

export const whoami: Command = {
  name: 'whoami',
  group: 'govern',
  summary: 'show who you are at the server and what you may do there',
  positionals: [],
  options: [],
  fields: [
    'url',
    'url_from',
    'token_from',
    'name',
    'role',
    'scopes',
    'namespaces',
    'max_keys',
    'routes',
    'caches',
    'now',
  ],
  example: 'millpond whoami',
  async run({ out, client: open }) {
    const client = await open()
    const { body } = await client.get('session/')
    const { url, urlFrom: url_from, tokenFrom: token_from = null } = client.connection
    await out.answer('whoami', { url, url_from, token_from, ...body }, () => {
      out.line(
        text`${styled('bold', textAt(body, 'name'))}, ${textAt(body, 'role')}, at ${url} (${url_from}) with the token from ${token_from ?? 'no source'}`,
      )
      out.line(text`may: ${joined(textsAt(body, 'scopes'), ', ')}`)
      const [namespaces, most] = [textsAt(body, 'namespaces'), numberAt(body, 'max_keys')]
      if (namespaces.length > 0) out.line(text`only: ${joined(namespaces, ', ')}`)
      if (most !== null) out.line(text`at most ${counted(most, 'key')} at a time`)
    })
    return 'done'
  },
}

export const login: Command = {
  name: 'login',
  group: 'govern',
  summary: 'test a token and store it for this server, in a file that only you can read',
  positionals: [],
  options: [],
  fields: ['url', 'name', 'role'],
  example: 'millpond login --url https://caches.example.com --token-file token.txt',
  async run({ given, streams, out, signal, asking }) {
    const address = await addressFor(given, streams)
    const { token, from } = await typedToken(given.text('token-file'), streams, asking, address.url)
    const connection = { ...address, token, tokenFrom: from }
    const send = await senderFor(connection.url, streams.env)
    const client = new Client({
      connection,
      send,
      timeoutMs: given.duration('timeout'),
      signal,
      trace: () => undefined,
    })
    const { body } = await client.get('session/')
    await keepToken(userFolder(streams.env), connection.url, token)
    await out.answer('login', { url: connection.url, name: textAt(body, 'name'), role: textAt(body, 'role') }, () =>
      out.line(text`${textAt(body, 'name')}, ${textAt(body, 'role')}, at ${connection.url}: kept`),
    )
    return 'done'
  },
}

/** From a file, from a pipe, or typed without echo. */
async function typedToken(
  file: string | undefined,
  streams: Streams,
  asking: Asking,
  url: string,
): Promise<{ token: string; from: string }> {
  if (file !== undefined || streams.stdin.isTTY !== true) return givenToken(file ?? '-', streams)
  return {
    token: tokenIn(await readSecret(asking, text`Token for ${url}:`), 'the typed input'),
    from: 'the typed input',
  }
}

export const logout: Command = {
  name: 'logout',
  group: 'govern',
  summary: 'forget the token of this server; "millpond token revoke" revokes it there',
  positionals: [],
  options: [],
  fields: ['url', 'was_kept'],
  example: 'millpond logout --url https://caches.example.com',
  async run({ given, streams, out }) {
    const { url } = await addressFor(given, streams)
    const was_kept = await keepToken(userFolder(streams.env), url, undefined)
    await out.answer('logout', { url, was_kept }, () =>
      out.line(
        was_kept ? text`the token for ${url} is forgotten on this machine` : text`no token was stored for ${url}`,
      ),
    )
    return 'done'
  },
}

export const tokenList: Command = {
  name: 'token list',
  group: 'govern',
  summary: "list your own tokens; an administrator sees everyone's",
  positionals: [],
  options: [],
  fields: ['data'],
  example: 'millpond token list',
  async run({ out, client }) {
    const { body } = await (await client()).get('tokens/')
    const data = rowsAt(body, 'data')
    await out.answer('token.list', { data }, () => {
      if (data.length === 0) return out.line(text`no token`)
      out.table(
        [
          { title: 'TOKEN' },
          { title: 'NAME' },
          { title: 'USER' },
          { title: 'EXPIRES' },
          { title: 'LAST USED' },
          { title: 'SCOPES', gives: true },
        ],
        data.map((row) => [
          textAt(row, 'id'),
          textAt(row, 'name'),
          textAt(row, 'user'),
          textAt(row, 'expires_at') === '' ? 'never' : clock(textAt(row, 'expires_at')),
          textAt(row, 'last_used_at') === '' ? 'never' : clock(textAt(row, 'last_used_at')),
          at(row, 'scopes') === null ? 'all of the role' : joined(textsAt(row, 'scopes'), ' '),
        ]),
      )
    })
    return 'done'
  },
}

export const tokenCreate: Command = {
  name: 'token create',
  group: 'govern',
  summary: 'create a token, shown once; --role also creates a user of that name for it',
  positionals: ['NAME'],
  options: ['role', 'scopes', 'days'],
  fields: ['id', 'name', 'token', 'expires_at'],
  example: 'millpond token create deploy --role operator --days 30',
  scope: 'tokens:write',
  async run(context) {
    const { given, out } = context
    const [name = ''] = given.positionals
    const client = await context.client()
    const role = given.text('role')
    const scopes = given.list('scopes')
    const body = {
      name,
      ...(role !== undefined && { role }),
      ...(scopes.length > 0 && { scopes }),
      ...(given.has('days') && { expires_in_days: given.number('days') }),
    }
    const { body: made } = await client.post('tokens/', body)
    await out.answer('token.create', made, () => {
      out.line(text`${textAt(made, 'token')}`)
      out.note(text`${textAt(made, 'id')}, until ${clock(textAt(made, 'expires_at'))}: it is not shown again`)
    })
    return 'done'
  },
}

export const tokenRevoke: Command = {
  name: 'token revoke',
  group: 'govern',
  summary: 'revoke a token: the next call with it is rejected',
  positionals: ['TOKEN'],
  options: [],
  fields: ['revoked'],
  example: 'millpond token revoke tok_8Kf',
  async run({ given, out, client }) {
    const [id = ''] = given.positionals
    if (!id.startsWith('tok_'))
      throw wrongUse('name a token by its id, tok_..., never by the secret itself: "millpond token list" shows the ids')
    await (await client()).call('DELETE', `tokens/${encodeURIComponent(id)}/`)
    await out.answer('token.revoke', { revoked: id }, () => out.line(text`${id} is revoked`))
    return 'done'
  },
}

export const audit: Command = {
  name: 'audit',
  group: 'govern',
  summary: 'show who did what, newest first; --verify checks the whole chain and exits with 3 if it is broken',
  positionals: [],
  options: ['actor', 'action', 'limit', 'all', 'format', 'verify'],
  fields: ['data', 'has_more', 'ok', 'rows', 'broken', 'last'],
  example: 'millpond audit --action invalidate --limit 20',
  scope: 'audit:read',
  async run(context) {
    const { given, out } = context
    const client = await context.client()
    const query = { actor: given.text('actor'), action: given.text('action') }
    const format = given.text('format')
    if (given.flag('verify')) return verified(context, client)
    if (format !== undefined) {
      let isFirst = true
      for await (const part of client.parts('audit/', { query: { ...query, format }, timeoutMs: 120_000 })) {
        await out.raw(isFirst || format !== 'csv' ? part : part.slice(part.indexOf('\n') + 1))
        isFirst = false
      }
      return 'done'
    }
    await list(context, client, {
      schema: 'audit',
      path: 'audit/',
      query,
      none: 'nothing is recorded',
      columns: [
        { title: 'AT' },
        { title: 'BY' },
        { title: 'KIND' },
        { title: 'ACTION' },
        { title: 'OUTCOME' },
        { title: 'TARGET', gives: true },
        { title: 'FROM' },
      ],
      row: (row) => {
        const outcome = textAt(row, 'outcome')
        return [
          clock(textAt(row, 'at')),
          textAt(row, 'actor'),
          textAt(row, 'kind'),
          textAt(row, 'action'),
          outcome === 'ok' ? outcome : styled('yellow', outcome),
          textAt(row, 'target'),
          textAt(row, 'address') || '-',
        ]
      },
    })
    return 'done'
  },
}

async function verified({ out }: Context, client: Client) {
  const { body } = await client.get('audit/verify/', {}, { timeoutMs: 300_000 })
  const isWhole = at(body, 'ok') === true
  await out.answer('audit', body, () => {
    out.line(
      isWhole
        ? text`${counted(numberAt(body, 'rows') ?? 0, 'row')}, intact up to ${numberAt(body, 'last', 'seq') ?? 0}: ${textAt(body, 'last', 'hash')}`
        : styled('red', text`broken at ${numberAt(body, 'broken', 'seq') ?? 0}: ${textAt(body, 'broken', 'why')}`),
    )
    if (isWhole) out.note(text`store that number and hash elsewhere: they prove later that nothing was cut off`)
  })
  return isWhole ? ('done' as const) : ('unhealthy' as const)
}
