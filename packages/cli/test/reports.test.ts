// What was reported of other command lines, tried on this one. Each names the report that it comes from.
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { differences } from '../src/commands/compared.ts'
import { tableLines } from '../src/terminal/table.ts'
import { cut, plain, sentence, shown, shownJson, text, widthOf } from '../src/terminal/text.ts'
import { type Desk, openDesk, runHere, tokenOf } from './desk.ts'

let desk: Desk
const servers: Server[] = []
beforeAll(async () => {
  desk = await openDesk()
  for (let at = 0; at < 3000; at++)
    await desk.shop.set(`long-name-of-a-key-that-fills-the-pipe:${at}`, at, { tags: ['filled'] })
})
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  await desk.close()
})

const SHOP = ['--cache-name', 'shop']

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
const at = (url: string, args: readonly string[], env: Record<string, string> = {}) =>
  runHere(
    args,
    { env: { MILLPOND_URL: url, MILLPOND_TOKEN: tokenOf('operator'), HOME: desk.folder, ...env } },
    desk.folder,
  )

describe('a pipe', () => {
  it('that is closed early ends it quietly (nodejs/node#947)', async () => {
    const started = desk.start(['keys', '--all', '--ndjson', ...SHOP])
    started.stdout.once('data', () => started.stdout.destroy())
    const { code, err } = await started.ended
    expect([code, err]).toEqual([0, ''])
  })

  it('gets all of a long answer (openclaw/mcporter#214)', async () => {
    const { code, out, json } = await desk.start(['keys', '--all', '--json', ...SHOP]).ended
    expect(out.length).toBeGreaterThan(200_000)
    expect([code, json.data.length, json.has_more]).toEqual([0, 3000, false])
  })

  it('is never asked a question, nor read for an answer (gruntwork-io/terragrunt#317, Gheat1/tuistore#7)', async () => {
    const { code, out, err } = await desk.start(['invalidate', '--tags', 'filled', ...SHOP], { stdin: 'y\n' }).ended
    expect([code, err]).toEqual([
      9,
      'millpond: this needs a confirmation, and there is no terminal to ask: use --yes\n',
    ])
    expect(out).toMatch(/3,000 keys/)
    expect(await desk.shop.get('long-name-of-a-key-that-fills-the-pipe:1')).toBe(1)
  })

  it('gets no colours and no redrawing, with or without --json (cli/cli#13121, dat-ecosystem/dat#1021)', async () => {
    for (const args of [['status'], ['status', '--json'], ['warm', '--key', 'x', ...SHOP], ['nosuch']]) {
      const { out, err } = await desk.run(args)
      expect(out + err, args.join(' ')).not.toContain('\u001b')
    }
  })
})

describe('names with hostile bytes', () => {
  const HOSTILE = [
    '\u001b]0;title\u0007',
    '\u001b[2J\u001b[31m',
    'a\u009b31m',
    '\u202eevil',
    'a\r\nb',
    'nul\u0000',
    '\u200bhidden',
    '\u2066x',
    '\ud800',
    '\u{e0041}tag',
    '"quoted"',
    ' spaced ',
    'a\u200db',
  ]

  it('never reach a terminal unescaped, and can be told from lookalikes (redis/redis#7385, redis/redis#755)', async () => {
    for (const key of HOSTILE) {
      const seen = shown(key)
      expect(seen, JSON.stringify(key)).not.toMatch(/[\p{Cc}\p{Cs}\p{Cf}\p{Zl}\p{Zp}]/u)
      expect(JSON.parse(seen)).toBe(key)
      expect(plain(sentence(key))).not.toMatch(/[\p{Cc}\p{Cs}\p{Cf}\p{Zl}\p{Zp}]/u)
      const json = shownJson({ key })
      expect(json).not.toMatch(/[\p{Cc}\p{Cs}\p{Cf}\p{Zl}\p{Zp}]/u)
      expect(JSON.parse(json)).toEqual({ key })
    }
    expect(new Set([...HOSTILE.map(shown), ...HOSTILE.map((key) => shown(shown(key)))]).size).toBe(2 * HOSTILE.length)
    for (const key of ['user:7', '日本語', '👩‍👩‍👧', 'a\\nb', 'ä']) expect(shown(key)).toBe(key)
  })

  it('are looked up, listed, tagged and invalidated by their own names', async () => {
    const keys = HOSTILE.filter((key) => key !== '\ud800')
    for (const key of keys) {
      await desk.deep.set(key, 1, { tags: [`t${key}`] })
      const found = await desk.run(['explain', key, '--cache-name', 'deep'])
      expect([found.code, found.out.split(' in default')[0]], JSON.stringify(key)).toEqual([0, shown(key)])
    }
    for (const form of [[], ['--json'], ['--ndjson']]) {
      const listed = await desk.run(['keys', '--all', '--cache-name', 'deep', ...form])
      expect(listed.out.replaceAll('\n', ''), form.join()).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    }
    for (const key of keys)
      expect(
        (
          await desk.run([
            'invalidate',
            '--key',
            key,
            '--yes',
            '--cache-name',
            'deep',
            '--reason',
            key.replaceAll('\0', ''),
          ])
        ).code,
        JSON.stringify(key),
      ).toBe(0)
    for (const key of keys) expect(await desk.deep.get(key)).toBeUndefined()
    const history = await desk.run(['operations', 'list', '--all'])
    expect(history.out.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  })

  it('are escaped in a server’s messages too', async () => {
    const url = await serve((_, response) => {
      response.writeHead(403, { 'Content-Type': 'application/problem+json' })
      response.end(JSON.stringify({ status: 403, code: 'forbidden', detail: 'no\u001b[2J\nmillpond: done' }))
    })
    const { code, err } = await at(url, ['whoami'])
    expect([code, err]).toEqual([4, 'millpond: no\\u001b[2J\\nmillpond: done\n'])
  })
})

describe('wide characters', () => {
  it('stay aligned, are cut as a whole, and never widen a line (Automattic/cli-table#62, openclaw/openclaw#88556)', () => {
    const columns = [
      { title: 'KEY', gives: true },
      { title: 'N', isNumber: true },
      { title: 'TAGS', gives: true },
    ]
    const rows = [
      ['日本語:キー', 1, 'あ'],
      ['👩‍👩‍👧 family', 22, '😀😀😀'],
      ['plain', 333, 'e\u0301x'],
    ]
    for (const width of [undefined, 80, 30, 20, 12]) {
      const lines = tableLines(columns, rows, width)
      const edges = lines.slice(1).map((line) => widthOf(plain(line).replace(/(\d+) {2}.*$/u, '$1')))
      expect(new Set(edges).size, `${width}: ${lines.map(plain).join('|')}`).toBe(1)
      if (width !== undefined)
        for (const line of lines) expect(widthOf(line), `${width}: ${plain(line)}`).toBeLessThanOrEqual(width)
    }
    for (let width = 0; width < 12; width++)
      expect(widthOf(cut('日本語👩‍👩‍👧e\u0301x', width))).toBeLessThanOrEqual(width)
    expect(plain(cut(text`日本語`, 4))).toBe('日…')
  })
})

describe('a server', () => {
  it('that is unreachable is named in one line, with the origin of its URL', async () => {
    const url = await serve(() => undefined)
    await new Promise((resolve) => servers.at(-1)?.close(resolve))
    const { code, out, err } = await at(url, ['status'])
    expect([code, out]).toEqual([8, ''])
    expect(err).toContain(`millpond: ${url}/api/admin/caching/ (MILLPOND_URL) is not reachable: ECONNREFUSED`)
    expect(err).toMatch(/^[^\n]*--url[^\n]*--local FILE[^\n]*\n$/)
  })

  it('that never answers is given up (kubernetes/kubernetes#19427: says what it waited for)', async () => {
    const url = await serve(() => undefined)
    const { code, err } = await at(url, ['status', '--timeout', '100ms'])
    expect(code).toBe(8)
    expect(err).toContain(`${url}/api/admin/caching/ (MILLPOND_URL) did not answer in time (0.1 s)`)
  })

  it('gets the time that --timeout gives, also for answers that have more by default', async () => {
    const url = await serve(() => undefined)
    const { code, err } = await at(url, ['audit', '--verify', '--timeout', '100ms'])
    expect([code, err]).toEqual([8, expect.stringContaining('did not answer in time (0.1 s)')])
  })

  it('that is something else is reported as such, and its page is not taken for an export', async () => {
    const url = await serve((_, response) =>
      response.setHeader('Content-Type', 'text/html').end('<html>sign in</html>'),
    )
    for (const args of [['status'], ['audit', '--format', 'csv'], ['export', 'prometheus']])
      expect(await at(url, args), args.join(' ')).toMatchObject({
        code: 8,
        out: '',
        err: expect.stringContaining('answered 200 with text/html: that is not a control plane'),
      })
  })

  it('that refuses an export says why, as with any other call', async () => {
    const url = await serve((_, response) => {
      response.writeHead(429, { 'Content-Type': 'application/problem+json' })
      response.end(JSON.stringify({ status: 429, code: 'rate_limited', detail: 'too many calls' }))
    })
    for (const args of [
      ['audit', '--format', 'csv'],
      ['export', 'prometheus'],
    ])
      expect(await at(url, args), args.join(' ')).toMatchObject({
        code: 10,
        out: '',
        err: 'millpond: too many calls\n',
      })
  })

  it('that exports in parts is asked for all of them (microsoft/agent-governance-toolkit#4095)', async () => {
    const url = await serve((request, response) => {
      const isLast = request.url?.includes('cursor=next%2B1&') === true
      if (!isLast) response.setHeader('Link', '<?cursor=next%2B1&format=csv>; rel="next"')
      response.setHeader('Content-Type', 'text/csv').end(isLast ? 'seq,id\r\n1,a\r\n' : 'seq,id\r\n2,b\r\n')
    })
    expect(await at(url, ['audit', '--format', 'csv'])).toMatchObject({ code: 0, out: 'seq,id\r\n2,b\r\n1,a\r\n' })
  })

  it('that goes away while an operation is followed leaves the user its id', async () => {
    const url = await serve((request, response) => {
      if (request.method === 'GET') return void request.socket.destroy()
      response
        .writeHead(202, { 'Content-Type': 'application/json' })
        .end(JSON.stringify({ id: 'op_1', state: 'running' }))
    })
    const { code, err } = await at(url, ['benchmark', ...SHOP])
    expect([code, err]).toEqual([
      8,
      expect.stringMatching(/is not reachable.*op_1 continues: "millpond operations wait op_1"/),
    ])
  })

  it('that redirects gets no token after it (cli/cli#12928)', async () => {
    const tokens: (string | undefined)[] = []
    const elsewhere = await serve((request, response) => {
      tokens.push(request.headers.authorization)
      response.end('{}')
    })
    const url = await serve((_, response) => response.writeHead(302, { Location: `${elsewhere}/x` }).end())
    expect(await at(url, ['status'])).toMatchObject({
      code: 8,
      err: expect.stringContaining('the token is not sent there'),
    })
    expect(tokens).toEqual([])
  })

  it('whose connection breaks is called once more, and does a POST once', async () => {
    const keys: unknown[] = []
    const url = await serve(async (request, response) => {
      keys.push(request.headers['idempotency-key'])
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      if (keys.length === 1) {
        request.socket.destroy()
        return
      }
      const answer = await desk.plane.fetch(
        new Request(`http://127.0.0.1${request.url}`, {
          method: request.method ?? 'GET',
          headers: {
            Authorization: request.headers.authorization ?? '',
            'Content-Type': 'application/json',
            'Idempotency-Key': String(keys[1]),
          },
          body: Buffer.concat(chunks),
        }),
      )
      response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(await answer.text())
    })
    expect((await at(url, ['mark', 'once'])).code).toBe(0)
    expect([keys.length, keys[0] === keys[1]]).toEqual([2, true])
  })
})

describe('the URL and the token', () => {
  it('are taken in order, and shown with their origin (cli/cli#6874)', async () => {
    const home = join(desk.folder, 'order')
    mkdirSync(join(home, '.config', 'millpond'), { recursive: true })
    const token = join(home, 'token.txt')
    writeFileSync(token, `${tokenOf('viewer')}\n`)
    const mine = { HOME: home }
    writeFileSync(
      join(home, '.config', 'millpond', 'config.json'),
      JSON.stringify({ url: desk.url, token_file: token, profiles: { other: { url: 'http://127.0.0.1:1' } } }),
    )
    const who = async (args: readonly string[], env: Record<string, string>) =>
      runHere(['whoami', '--json', ...args], { env: { ...mine, ...env } }, home)
    expect((await who([], {})).json).toMatchObject({
      name: 'viewer',
      url_from: join(home, '.config', 'millpond', 'config.json'),
      token_from: token,
    })
    expect((await who([], { MILLPOND_TOKEN: tokenOf('admin') })).json).toMatchObject({
      name: 'admin',
      token_from: 'MILLPOND_TOKEN',
    })
    expect((await who(['--token-file', token], { MILLPOND_TOKEN: tokenOf('admin') })).json).toMatchObject({
      name: 'viewer',
      token_from: token,
    })
    expect((await who(['--profile', 'other'], {})).err).toContain('config.json) is not reachable')
    expect(await who(['--profile', 'none'], {})).toMatchObject({
      code: 2,
      err: expect.stringContaining('no file has the profile none'),
    })
    expect(await who([], { MILLPOND_URL: 'http://127.0.0.1:1' })).toMatchObject({
      code: 8,
      err: expect.stringContaining('(MILLPOND_URL)'),
    })
    writeFileSync(join(home, '.config', 'millpond', 'config.json'), '{"urll": "x"}')
    expect(await who([], {})).toMatchObject({ code: 2, err: expect.stringContaining('"urll"') })
  })

  it('from the current folder get nothing of the environment, and no file of it (cli/cli#12928)', async () => {
    const tokens: unknown[] = []
    const url = await serve((request, response) => {
      tokens.push(request.headers.authorization)
      response.writeHead(401).end()
    })
    const folder = join(desk.folder, 'somebody-elses')
    mkdirSync(folder)
    writeFileSync(join(folder, 'millpond.config.json'), JSON.stringify({ url }))
    const env = { HOME: folder, MILLPOND_TOKEN: tokenOf('admin') }
    expect(await runHere(['status'], { env }, folder)).toMatchObject({
      code: 2,
      err: expect.stringContaining('MILLPOND_TOKEN is not sent to it'),
    })
    writeFileSync(join(folder, 'millpond.config.json'), JSON.stringify({ url, token_file: '/etc/passwd' }))
    expect(await runHere(['status'], { env }, folder)).toMatchObject({
      code: 2,
      err: expect.stringContaining('must not'),
    })
    expect(tokens).toEqual([])
  })

  it('are read from standard input on request', async () => {
    const ran = await desk.run(['whoami', '--token-file', '-', '--json'], {
      as: null,
      stdin: `${tokenOf('auditor')}\n`,
    })
    expect(ran.json).toMatchObject({ name: 'auditor', token_from: 'standard input' })
    expect((await desk.run(['whoami', '--token-file', '-'], { as: null, stdin: 'two words' })).err).not.toContain(
      'two words',
    )
  })
})

describe('a proxy of the environment', () => {
  it('is used for others, and never for this machine (jackwener/OpenCLI#510)', async () => {
    const asked: string[] = []
    const proxy = await serve(() => undefined)
    servers.at(-1)?.on('connect', (request, socket) => {
      asked.push(request.url ?? '')
      const far = connect(Number(new URL(desk.url).port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        far.pipe(socket)
        socket.pipe(far)
      })
      for (const end of [far, socket]) end.on('error', () => undefined)
    })
    const env = { http_proxy: proxy, MILLPOND_TOKEN: tokenOf('viewer'), HOME: desk.folder }
    expect(
      (await runHere(['whoami', '--json', '--url', 'http://caches.example'], { env }, desk.folder)).json,
    ).toMatchObject({
      name: 'viewer',
    })
    expect(asked).toEqual(['caches.example:80'])
    expect((await runHere(['whoami', '--url', desk.url], { env }, desk.folder)).code).toBe(0)
    expect(asked).toHaveLength(1)
  })
})

describe('a key in another namespace', () => {
  it('is found without its namespace, and a missing one is not reported as cold without saying where it was searched', async () => {
    await desk.shop.namespace('users').set('elsewhere', { id: 7 })
    const found = await desk.run(['explain', 'elsewhere', ...SHOP])
    expect([found.err, found.out]).toEqual(['', expect.stringMatching(/^elsewhere in users of shop: hit/)])
    expect((await desk.run(['inspect', 'elsewhere', '--value', ...SHOP], { as: 'admin' })).out).toContain('"id": 7')
    expect((await desk.run(['explain', 'nowhere', ...SHOP])).err).toMatch(
      /^none of the twenty busiest namespaces has or remembers it.*millpond keys --contains/,
    )
    expect((await desk.run(['explain', 'nowhere', '--namespace', 'users', ...SHOP])).err).toBe('')
  })
})

describe('an exit code', () => {
  it('is not 0 if a part failed (knative/client#960, kyma-project/cli#1166)', async () => {
    desk.shop.source('half:', async (key) => {
      if (String(key).endsWith('1')) throw new Error('no such row')
      return 1
    })
    const { code, out } = await desk.run(['warm', '--key', 'half:1', '--key', 'half:2', ...SHOP])
    expect(code).toBe(7)
    expect(out).toMatch(/1 loaded, 0 were fresh, 1 failed[\s\S]*half:1: no such row/)
  })
})

describe('Ctrl-C in the middle of an operation', () => {
  it('leaves it running, and prints its id with how to follow and cancel it', async () => {
    const started = desk.start(['benchmark', '--duration', '60', '--verbose', ...SHOP])
    // Once it waits for the operation, not for the first answer.
    await new Promise<void>((resolve) =>
      started.stderr.on('data', (chunk) => String(chunk).includes('/operations/op_') && resolve()),
    )
    started.kill('SIGINT')
    const { code, err } = await started.ended
    const id = /(op_\S+) continues/.exec(err)?.[1] ?? ''
    expect(code, err).toBe(130)
    expect((await desk.run(['operations', 'show', id, '--json'])).json.operation.state).toBe('running')
    expect((await desk.run(['operations', 'cancel', id])).code).toBe(0)
    expect(await desk.run(['operations', 'wait', id])).toMatchObject({
      code: 7,
      out: expect.stringContaining('cancelled'),
    })
  })
})

it('names the differences, path by path', () => {
  const of = (left: unknown, right: unknown) => differences(left, right).map(({ path, ...sides }) => [path, sides])
  expect(of({ a: 1, b: [1, { c: 2 }], 'x y': 0 }, { a: 1, b: [1, { c: 3 }, 4] })).toEqual([
    ['$.b[1].c', { left: 2, right: 3 }],
    ['$.b[2]', { right: 4 }],
    ['$["x y"]', { left: 0 }],
  ])
  expect(of([1], { 0: 1 })).toHaveLength(1)
  expect(of(null, null)).toEqual([])
})
