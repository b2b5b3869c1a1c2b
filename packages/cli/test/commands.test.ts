// Every command against a real control plane: by each role, as JSON, as text, and with what it cannot do.
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROLE_SCOPES, ROLES, type Scope } from '@millpond/control'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { COMMANDS } from '../src/commands/index.ts'
import { type Desk, openDesk, tokenOf } from './desk.ts'

let desk: Desk
beforeAll(async () => {
  desk = await openDesk()
  desk.shop.source('user:', async (key) => ({ of: String(key) }))
  await desk.shop.set('user:7', { name: 'Ada' }, { tags: ['users'] })
  await desk.shop.get('user:7')
  await desk.shop.get('nobody')
  await desk.deep.set('deal:1', { sum: 3 }, { tags: ['deals'] })
  await desk.deep.flush()
  writeFileSync(
    join(desk.folder, 'arms.json'),
    JSON.stringify({ name: 'lives', arms: [{ name: 'a' }, { name: 'b', ttl_seconds: 9 }] }),
  )
  mkdirSync(join(desk.folder, 'site'))
  writeFileSync(join(desk.folder, 'site/app.js'), 'x')
  writeFileSync(join(desk.folder, 'caches.json'), JSON.stringify({ name: 'stored', ttl_seconds: 60 }))
})
afterAll(() => desk.close())

const SHOP = ['--cache-name', 'shop']
/**
 * How each command is called where it is to succeed; without an entry a command is not tested, and the first test
 * fails.
 */
const CALLS: Readonly<Record<string, readonly string[]>> = {
  status: ['status'],
  top: ['top', ...SHOP],
  keys: ['keys', ...SHOP],
  explain: ['explain', 'user:7', ...SHOP],
  inspect: ['inspect', 'user:7', '--history', ...SHOP],
  nodes: ['nodes'],
  monitor: ['monitor', '--once'],
  'health-check': ['health-check'],
  'test-connection': ['test-connection'],
  'alerts list': ['alerts', 'list'],
  'cdn status': ['cdn', 'status'],
  'cdn analytics': ['cdn', 'analytics'],
  'cdn purge': ['cdn', 'purge', '/a'],
  'cdn locations': ['cdn', 'locations'],
  'cdn upload': ['cdn', 'upload'],
  'cdn images': ['cdn', 'images'],
  'jobs list': ['jobs', 'list'],
  'jobs run': ['jobs', 'run', 'none'],
  'regions list': ['regions', 'list'],
  'regions drain': ['regions', 'drain', 'none', '--yes'],
  'regions fill': ['regions', 'fill', 'none'],
  'regions serve': ['regions', 'serve', 'none'],
  'warm-plans list': ['warm-plans', 'list'],
  'warm-plans run': ['warm-plans', 'run', 'wrm_none'],
  'operations list': ['operations', 'list'],
  'operations show': ['operations', 'show', 'OPERATION'],
  'operations wait': ['operations', 'wait', 'OPERATION'],
  'operations cancel': ['operations', 'cancel', 'OPERATION'],
  invalidate: ['invalidate', '--tags', 'nothing', '--yes'],
  clear: ['clear', '--cache-name', 'deep', '--force'],
  erase: ['erase', '--tenant', 'nobody', '--confirm', 'nobody', ...SHOP],
  receipt: ['receipt', 'ers_none'],
  warm: ['warm', '--key', 'user:8', ...SHOP],
  undo: ['undo', 'OPERATION'],
  mark: ['mark', 'deploy'],
  'alerts resolve': ['alerts', 'resolve', 'alr_none'],
  'alerts silence': ['alerts', 'silence', '--for', '1m'],
  report: ['report', '--hours', '1', ...SHOP],
  compliance: ['compliance'],
  test: ['test', '--days', '1'],
  benchmark: ['benchmark', '--duration', '50ms', ...SHOP],
  optimize: ['optimize'],
  applied: ['applied', ...SHOP],
  'operations rollback': ['operations', 'rollback', 'OPERATION'],
  'auto-apply': ['auto-apply', ...SHOP],
  cost: ['cost', '--memory-gb-month', '4', '--million-loads', '1', ...SHOP],
  'what-if': ['what-if', '--size', '2', ...SHOP],
  trends: ['trends', ...SHOP],
  'experiments list': ['experiments', 'list'],
  'experiments show': ['experiments', 'show', 'exp_none'],
  'experiments start': ['experiments', 'start', 'arms.json', ...SHOP, '--dry-run'],
  'experiments stop': ['experiments', 'stop', 'exp_none'],
  'experiments apply': ['experiments', 'apply', 'exp_none', '--yes'],
  'experiments rollback': ['experiments', 'rollback', 'exp_none'],
  prediction: ['prediction', ...SHOP],
  freshness: ['freshness', ...SHOP],
  'export prometheus': ['export', 'prometheus'],
  'config list': ['config', 'list'],
  'config get': ['config', 'get', 'stored'],
  'config diff': ['config', 'diff', 'caches.json'],
  'config validate': ['config', 'validate', 'caches.json'],
  'config apply': ['config', 'apply', 'caches.json', '--yes'],
  'config rollback': ['config', 'rollback', 'stored', '1', '--yes'],
  cleanup: ['cleanup', '--dry-run'],
  audit: ['audit'],
  whoami: ['whoami'],
  login: ['login'],
  logout: ['logout'],
  'token list': ['token', 'list'],
  'token create': ['token', 'create', 'NAME'],
  'token revoke': ['token', 'revoke', 'tok_none'],
  grafana: ['grafana'],
  'prometheus-rules': ['prometheus-rules'],
  completion: ['completion', 'bash'],
  ui: ['ui', '--port', '99999'],
  mcp: ['mcp'],
  'proposals list': ['proposals', 'list'],
  'proposals approve': ['proposals', 'approve', 'prp_none'],
  'proposals show': ['proposals', 'show', 'prp_none'],
  'proposals reject': ['proposals', 'reject', 'prp_none'],
  'assets upload': ['assets', 'upload', 'site', '--to', 'served'],
  'images optimize': ['images', 'optimize', 'site', '--to', 'pictures'],
}
/** Commands that end otherwise than with 0 where they are permitted, each for its reason. */
const ENDS: Readonly<Record<string, number>> = {
  'operations cancel': 6, // it has ended
  undo: 5, // the newest one is no invalidation
  'alerts resolve': 5,
  optimize: 11,
  'operations rollback': 5, // the newest one has changed no memory
  cost: 11,
  'cdn purge': 11,
  'cdn upload': 11,
  'cdn images': 11,
  'what-if': 11,
  prediction: 11,
  freshness: 11,
  'token revoke': 5,
  receipt: 5,
  'jobs run': 5,
  'regions drain': 5,
  'regions fill': 5,
  'regions serve': 5,
  'warm-plans run': 5,
  'experiments show': 5,
  'experiments stop': 5,
  'experiments apply': 5,
  'experiments rollback': 5,
  'proposals approve': 5,
  'proposals show': 5,
  'proposals reject': 5,
  ui: 2, // it would run on: tested beside --local
}

const FILES = new Set(['arms.json', 'caches.json', 'site', 'served', 'pictures'])

async function callOf(name: string): Promise<readonly string[]> {
  const call = (CALLS[name] ?? []).map((word) => (FILES.has(word) ? join(desk.folder, word) : word))
  if (!call.includes('OPERATION'))
    return call.map((word) => (word === 'NAME' ? `t${Math.random().toString(36).slice(2)}` : word))
  const id = (await desk.run(['operations', 'list', '--json'], { as: 'admin' })).json.data[0].id
  return call.map((word) => (word === 'OPERATION' ? id : word))
}

it('every command is tested here', () => {
  expect(COMMANDS.map(({ name }) => name).filter((name) => CALLS[name] === undefined)).toEqual([])
})

it('each command works for a role that has its permission, and ends with 4 for others', async () => {
  await desk.run(await callOf('config apply'), { as: 'admin' })
  await desk.run(['invalidate', '--tags', 'nothing', '--yes'], { as: 'admin' })
  const seen: string[] = []
  for (const { name, scope } of COMMANDS) {
    for (const role of ROLES) {
      const call = await callOf(name)
      const { code, out, err } = await desk.run(call, { as: role, stdin: tokenOf(role) })
      const wanted = name === 'clear' ? 'purge:all' : scope
      const may = wanted === undefined || ROLE_SCOPES[role].includes(wanted as Scope)
      const ends = may ? (ENDS[name] ?? (name === 'config diff' ? code : 0)) : 4
      if (code !== ends) seen.push(`${role} ${call.join(' ')} ended with ${code}, not ${ends}: ${out}${err}`)
    }
    const nobody = await desk.run(await callOf(name), {
      as: null,
      env: { XDG_CONFIG_HOME: join(desk.folder, 'nowhere') },
    })
    const needsNone = ['completion', 'logout', 'login', 'ui', 'grafana', 'assets upload', 'images optimize'].includes(
      name,
    )
    if (!needsNone && nobody.code !== 4) seen.push(`nobody ${name} ended with ${nobody.code}: ${nobody.err}`)
  }
  expect(seen).toEqual([])
}, 240_000)

it('the JSON of each command has a schema and the fields that it lists, and nothing else on standard output', {
  timeout: 240_000,
}, async () => {
  for (const { name, fields } of COMMANDS) {
    if (fields.length === 0) continue
    const { out, json } = await desk.run([...(await callOf(name)), '--json'], { as: 'admin', stdin: tokenOf('admin') })
    if (json === undefined) {
      expect(out, name).toBe('') // a failure says nothing there
      continue
    }
    const { schema, ...rest } = json
    expect(schema, name).toMatch(/^millpond\.[\w.-]+\/1$/)
    expect(
      Object.keys(rest).filter((field) => !fields.includes(field)),
      name,
    ).toEqual([])
  }
  expect((await desk.run(['status', '--json='])).out).toBe('health_score caches alerts organization\n')
  expect(Object.keys((await desk.run(['status', '--json=health_score'])).json)).toEqual(['schema', 'health_score'])
  expect(await desk.run(['status', '--json=health'])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/there are health_score/),
  })
})

describe('wrong use', () => {
  it.each([
    [['nosuch'], 2, /there is no command "nosuch"/],
    [['stats'], 2, /did you mean "status"\?/],
    [['config', 'aply'], 2, /did you mean "config apply"\?/],
    [['help', 'invaldate'], 2, /did you mean "invalidate"\?/],
    [['status', '--cach-name', 'x'], 2, /did you mean --cache-name\?/],
    [['benchmark', '--traffic', 'zip'], 2, /zipf:1\.0/],
    [['benchmark', '--compare', 'nowhere.json'], 2, /cannot be read \(ENOENT\)/],
    [['config', 'nosuch'], 2, /there is no command "config nosuch"/],
    [['status', '--tags', 'x'], 2, /--tags is not an option of "status"/],
    [['status', '--nosuch'], 2, /--nosuch/],
    [['explain'], 2, /needs KEY/],
    [['explain', 'a', 'b'], 2, /does not take "b"/],
    [['explain', ''], 2, /KEY\|URL of "explain" is empty/],
    [['top', '--by', 'luck'], 2, /hits, bytes, pattern, misses, loads/],
    [['test', '--days', 'soon'], 2, /--days soon is not a number/],
    [['benchmark', '--duration', '-1'], 2, /--duration/],
    [['benchmark', '--duration', '0'], 2, /not a duration/],
    [['benchmark', '--budget', 'p98=1ms'], 2, /p50, p95, p99 or avg/],
    [['invalidate'], 2, /name what to invalidate/],
    [['invalidate', '--file', 'none.txt'], 2, /none\.txt cannot be read \(ENOENT\)/],
    [['status', '--token', 'secret'], 2, /cannot be an argument/],
    [['status', '--url', 'ftp://x'], 2, /not an address/],
    [['status', '--url', 'http://me:secret@x'], 2, /never in an address/],
    [['status', '--url', 'me:hunter2@x'], 2, /--url says "\*\*\*@x", which is not an address/],
    [['status', '--url', 'https://me:hun/ter2@x'], 2, /--url says "https:\/\/\*\*\*@x", which is not/],
    [['status', '--url', 'ftp://me:hunter2@x/a'], 2, /--url says "ftp:\/\/\*\*\*@x\/a", which is not/],
    [['status', '--url', 'http://x/?token=hunter2'], 2, /--url says "http:\/\/x\/\?\*\*\*": remove the part/],
    [['status', '--redis', 'redis://x'], 2, /--local/],
    [['keys'], 2, /set --cache-name to one of deep, shop/],
    [['keys', '--cache-name', 'none'], 5, /there is no cache "none"/],
    [['completion', 'tcsh'], 2, /bash, zsh, fish/],
    [['config', 'get', 'none'], 5, /there is no configuration none/],
    [['config', 'apply', 'none.json'], 2, /cannot be read/],
    [['health-check', '--junit', 'nowhere/health.xml'], 2, /--junit nowhere\/health\.xml cannot be written \(ENOENT\)/],
    [
      ['export', 'prometheus', '--output', 'nowhere/m.prom'],
      2,
      /--output nowhere\/m\.prom cannot be written \(ENOENT\)/,
    ],
    [['token', 'revoke', 'mp_secret'], 2, /never by the secret/],
    [['invalidate', '--pattern', '^(', '--yes', ...SHOP], 2, /./],
  ] as const)('%j ends with %i in one line', async (args, code, words) => {
    const ran = await desk.run(args)
    expect(ran).toMatchObject({ code, out: '' })
    expect(ran.err).toMatch(words)
    expect(ran.err.trimEnd().split('\n')).toHaveLength(1)
    expect(ran.err).not.toContain('secret@')
  })
})

describe('an invalidation', () => {
  it('is planned and changes nothing with --dry-run; runs by the plan, is acknowledged, and is then explained with its actor', async () => {
    await desk.shop.set('plan:1', 1, { tags: ['planned'] })
    const dry = await desk.run(['invalidate', '--tags', 'planned', '--dry-run', ...SHOP])
    expect(dry).toMatchObject({ code: 0, out: expect.stringMatching(/1 key, [\s\S]*Nothing was changed\./) })
    expect(await desk.shop.get('plan:1')).toBe(1)
    const done = await desk.run(['invalidate', '--tags', 'planned', '--yes', '--reason', 'price import', ...SHOP])
    expect(done).toMatchObject({
      code: 0,
      out: expect.stringMatching(/inv_\S+ completed[\s\S]*acked[\s\S]*none is stale/),
    })
    const why = await desk.run(['explain', 'plan:1', ...SHOP])
    expect(why.out).toMatch(/miss, because of invalidated_tag \(planned\)\n {2}by operator at .*price import/)
    await desk.shop.set('plan:1', 1, { tags: ['planned'] })
    await desk.shop.invalidateTags(['planned'], { reason: 'stock counted' })
    const own = await desk.run(['explain', 'plan:1', ...SHOP])
    expect(own.out).toMatch(/\(planned\)\n {2}reason given by the program: stock counted\n/)
  })

  it('covers what answers a URL, and keys at a pace; an invalid request is refused before anything is changed', async () => {
    const none = await desk.run(['invalidate', '--address', 'https://shop.example/none', '--yes', ...SHOP])
    expect(none).toMatchObject({ code: 0, out: expect.stringMatching(/0 keys[\s\S]*completed/) })
    expect(await desk.run(['invalidate', '--address', 'shop.example/none', '--yes', ...SHOP])).toMatchObject({
      code: 2,
    })
    await desk.shop.set('paced', 1)
    expect(await desk.run(['invalidate', '--key', 'paced', '--pace', '5', '--yes', ...SHOP])).toMatchObject({ code: 0 })
    expect(await desk.shop.get('paced')).toBeUndefined()
    const paced = await desk.run(['invalidate', '--tags', 'a', '--pace', '5', '--yes', ...SHOP])
    expect(paced).toMatchObject({ code: 2, err: expect.stringContaining('take effect at once') })
    expect(await desk.run(['invalidate', '--tags', 'a', '--cdn', '--yes', ...SHOP])).toMatchObject({
      code: 2,
      err: expect.stringContaining('CDN'),
    })
  })

  it('asks a person, and accepts no for an answer', async () => {
    await desk.shop.set('asked', 1)
    const call = ['invalidate', '--key', 'asked', ...SHOP]
    expect(await desk.run(call, { typed: ['n'] })).toMatchObject({
      code: 9,
      err: expect.stringContaining('nothing was changed'),
    })
    expect(await desk.run(call, { typed: [] })).toMatchObject({
      code: 9,
      err: expect.stringContaining('ended without an answer'),
    })
    expect(await desk.shop.get('asked')).toBe(1)
    expect(await desk.run(call, { typed: ['y'] })).toMatchObject({ code: 0 })
    expect(await desk.shop.get('asked')).toBeUndefined()
  })

  it('without a terminal does not ask: it names the option that answers', async () => {
    await desk.shop.set('kept', 1)
    for (const options of [{}, { stdin: 'y\n' }, { typed: ['y'], env: { CI: 'true' } }])
      expect(await desk.run(['invalidate', '--key', 'kept', ...SHOP], options)).toMatchObject({
        code: 9,
        err: expect.stringContaining('--yes'),
      })
    expect(await desk.run(['clear', ...SHOP], { as: 'admin' })).toMatchObject({
      code: 9,
      err: expect.stringContaining('--force'),
    })
    expect(await desk.run(['invalidate', '--key', 'kept', '--no-input', ...SHOP], { typed: ['y'] })).toMatchObject({
      code: 9,
    })
    expect(await desk.shop.get('kept')).toBe(1)
  })

  it('takes keys from a file or standard input unchanged, and several criteria at once', async () => {
    for (const key of ['f,1', 'f 2', 'f3']) await desk.shop.set(key, 1)
    await desk.shop.set('t', 1, { tags: ['a,b'] })
    expect(
      (
        await desk.run(['invalidate', '--file', '-', '--key', 'f3', '--tags', 'a\\,b,none', '--yes', ...SHOP], {
          stdin: 'f,1\r\nf 2\n\n',
        })
      ).code,
    ).toBe(0)
    for (const key of ['f,1', 'f 2', 'f3', 't']) expect(await desk.shop.get(key), key).toBeUndefined()
  })

  it('above the guard requires the plan’s text; above a limit it is refused', async () => {
    for (let at = 0; at < 10_001; at++) await desk.shop.set(`many:${at}`, 1, { tags: ['many'] })
    const call = ['invalidate', '--tags', 'many', '--yes', ...SHOP]
    expect(await desk.run(call)).toMatchObject({ code: 9, err: expect.stringContaining('--confirm "many"') })
    expect(await desk.run([...call, '--confirm', 'few'])).toMatchObject({ code: 9 })
    expect(await desk.run([...call, '--confirm', 'many', '--max-keys', '10'])).toMatchObject({
      code: 6,
      err: expect.stringContaining('max_keys 10'),
    })
    expect(
      await desk.run(['invalidate', '--key', 'a', '--key', 'b', '--key', 'c', '--key', 'd', '--yes', ...SHOP], {
        as: 'limited',
      }),
    ).toMatchObject({ code: 4 })
    expect(await desk.shop.get('many:1')).toBe(1)
    expect(await desk.run(call, { typed: ['many'] })).toMatchObject({ code: 0 })
    expect(await desk.shop.get('many:1')).toBeUndefined()
  })

  it('clears a cache once its name is typed', async () => {
    await desk.shop.set('all', 1)
    expect(await desk.run(['clear', ...SHOP], { as: 'admin', typed: ['shops'] })).toMatchObject({ code: 9 })
    expect(await desk.shop.get('all')).toBe(1)
    expect(await desk.run(['clear', ...SHOP], { as: 'admin', typed: ['shop'] })).toMatchObject({ code: 0 })
    expect(await desk.shop.get('all')).toBeUndefined()
  })
})

describe('warming', () => {
  it('loads by the loaders of the cache, and ends with 7 if a key failed', async () => {
    expect(await desk.run(['warm', '--key', 'user:1', '--key', 'user:2', ...SHOP])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/2 loaded/),
    })
    expect(await desk.shop.get('user:1')).toEqual({ of: 'user:1' })
    expect(await desk.run(['warm', '--key', 'other:1', ...SHOP])).toMatchObject({
      code: 7,
      out: expect.stringMatching(/no registered loader/),
    })
    expect(await desk.run(['warm', '--top', '5', '--dry-run', ...SHOP])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/would be loaded/),
    })
    expect(await desk.run(['warm', '--top', '500', ...SHOP])).toMatchObject({ code: 2 })
  })

  it('undoes an invalidation by loading what was removed', async () => {
    await desk.run(['warm', '--key', 'user:5', ...SHOP])
    const { operation } = (await desk.run(['invalidate', '--pattern', 'user:5', '--yes', '--json', ...SHOP])).json
    expect(await desk.run(['undo', operation.id])).toMatchObject({ code: 0, out: expect.stringMatching(/1 loaded/) })
    expect(await desk.shop.get('user:5')).toEqual({ of: 'user:5' })
  })
})

describe('configurations', () => {
  it('are compared, applied, replaced only as planned, and rolled back', async () => {
    const file = join(desk.folder, 'two.json')
    writeFileSync(
      file,
      JSON.stringify([
        { name: 'first', ttl_seconds: 60 },
        { name: 'shop', ttl_seconds: 300, max_size_mb: 8 },
      ]),
    )
    const as = 'editor'
    expect(await desk.run(['config', 'diff', file], { as })).toMatchObject({
      code: 3,
      out: expect.stringMatching(/first \(new\)\n {2}\+ name "first"/),
    })
    expect(await desk.run(['config', 'apply', file], { as })).toMatchObject({ code: 9 })
    expect((await desk.run(['config', 'apply', file, '--yes'], { as })).code).toBe(0)
    expect((await desk.run(['config', 'diff', file], { as })).code).toBe(0)
    writeFileSync(file, JSON.stringify({ name: 'first', ttl_seconds: 90 }))
    expect(await desk.run(['config', 'apply', file, '--yes', '--if-version', '7'], { as })).toMatchObject({ code: 6 })
    expect((await desk.run(['config', 'apply', file, '--yes'], { as })).code).toBe(0)
    expect((await desk.run(['config', 'rollback', 'first', '--yes'], { as })).out).toMatch(
      /restored to version 1, as version 3/,
    )
    expect((await desk.run(['config', 'get', 'first', '--json'], { as })).json.configuration.ttl_seconds).toBe(60)
    expect(await desk.run(['config', 'rollback', 'first', '99', '--yes'], { as })).toMatchObject({ code: 5 })
    // What GET gave can be given back.
    writeFileSync(file, (await desk.run(['config', 'list', '--json=data'], { as })).out)
    expect((await desk.run(['config', 'diff', file], { as })).code).toBe(0)
    writeFileSync(file, JSON.stringify({ name: 'first', ttl_secondz: 90 }))
    expect(await desk.run(['config', 'validate', file], { as })).toMatchObject({
      code: 2,
      err: expect.stringContaining('ttl_secondz'),
    })
    expect(await desk.run(['test-connection', 'first'], { as })).toMatchObject({
      code: 0,
      out: expect.stringMatching(/first ok/),
    })
    // A cache that runs needs no configuration to be tested.
    expect(await desk.run(['test-connection', 'shop'], { as })).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^shop ok \(running/),
    })
    expect(
      (await desk.run(['test-connection', '--json'], { as })).json.results
        .map((one: { name: string }) => one.name)
        .sort(),
    ).toEqual(expect.arrayContaining(['deep', 'first', 'shop']))
    expect(await desk.run(['test-connection', 'nope'], { as })).toMatchObject({
      code: 5,
      err: expect.stringContaining('there are'),
    })
  })
})

describe('credentials', () => {
  it('are stored by login for that server only, in a file that others cannot read, and removed by logout', async () => {
    const env = { XDG_CONFIG_HOME: join(desk.folder, 'config') }
    expect((await desk.run(['login'], { as: null, stdin: 'wrong-token\n', env })).code).toBe(4)
    expect(await desk.run(['login'], { as: null, stdin: `${tokenOf('viewer')}\n`, env })).toMatchObject({
      code: 0,
      out: expect.stringContaining('viewer'),
    })
    expect((await desk.run(['whoami', '--json'], { as: null, env })).json).toMatchObject({
      name: 'viewer',
      token_from: 'millpond login',
    })
    expect((await desk.run(['login', '--token-file', '-'], { as: null, stdin: tokenOf('viewer'), env })).code).toBe(0)
    const file = join(env.XDG_CONFIG_HOME, 'millpond', 'credentials.json')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    chmodSync(file, 0o644)
    expect(await desk.run(['whoami'], { as: null, env })).toMatchObject({
      code: 2,
      err: expect.stringContaining('chmod 600'),
    })
    chmodSync(file, 0o600)
    expect((await desk.run(['logout'], { as: null, env })).code).toBe(0)
    expect((await desk.run(['whoami'], { as: null, env })).code).toBe(4)
  })

  it('are created for a role, shown once, and revoked by their id', async () => {
    const made = (
      await desk.run(['token', 'create', 'ci-bot', '--role', 'operator', '--days', '1', '--json'], { as: 'admin' })
    ).json
    const own = { as: null, env: { MILLPOND_TOKEN: made.token } } as const
    expect((await desk.run(['whoami', '--json'], own)).json).toMatchObject({ name: 'ci-bot', role: 'operator' })
    expect((await desk.run(['token', 'list'], { as: 'admin' })).out).not.toContain(made.token)
    expect((await desk.run(['token', 'revoke', made.id], { as: 'admin' })).code).toBe(0)
    expect(await desk.run(['whoami'], own)).toMatchObject({ code: 4, err: expect.stringContaining('MILLPOND_TOKEN') })
  })
})

it('the audit can be read, exported and verified', async () => {
  const as = 'auditor'
  expect((await desk.run(['audit', '--limit', '3'], { as })).out.split('\n')).toHaveLength(5)
  expect((await desk.run(['audit', '--format', 'csv'], { as })).out).toMatch(/^seq,id,at,/)
  expect(await desk.run(['audit', '--verify'], { as })).toMatchObject({
    code: 0,
    out: expect.stringMatching(/rows, intact up to/),
  })
  expect((await desk.run(['audit', '--format', 'csv'], { as: 'viewer' })).code).toBe(4)
})

it('old records are counted with --dry-run, removed after a confirmation, and kept if there is no terminal to ask', async () => {
  const as = 'admin'
  const at = (await desk.store.now()) - 400 * 86_400_000
  const old = { id: 'mrk_old', at, kind: 'deploy', message: 'm', actor: 'a' }
  await desk.store.read.insertInto('markers').values(old).execute()
  const isThere = async () =>
    (await desk.store.read.selectFrom('markers').select('id').where('id', '=', 'mrk_old').executeTakeFirst()) !==
    undefined
  const call = ['cleanup', '--days', '365']
  expect(await desk.run([...call, '--dry-run', '--yes'], { as })).toMatchObject({
    code: 0,
    out: expect.stringMatching(/1 markers[\s\S]*Nothing was changed\./),
  })
  expect(await desk.run(call, { as })).toMatchObject({ code: 9, err: expect.stringContaining('--yes') })
  expect(await desk.run(call, { as, typed: ['n'] })).toMatchObject({
    code: 9,
    err: expect.stringContaining('nothing was changed'),
  })
  expect(await isThere()).toBe(true)
  expect(await desk.run(call, { as, typed: [' Y '] })).toMatchObject({
    code: 0,
    out: expect.stringContaining('removed'),
  })
  expect(await isThere()).toBe(false)
})

it('health is judged for CI', async () => {
  mkdirSync(join(desk.folder, 'reports'), { recursive: true })
  const file = join(desk.folder, 'reports', 'health.xml')
  expect((await desk.run(['health-check', '--deep', '--junit', file])).code).toBe(0)
  expect(readFileSync(file, 'utf8')).toMatch(
    /<testsuite name="shop" tests="6" failures="\d" skipped="\d">[\s\S]*<testcase classname="shop" name="invalidation_lag"\/>/,
  )
  // A check whose result is unknown has not passed; and caches that run are connected to, too.
  expect(readFileSync(file, 'utf8')).toMatch(/<testcase classname="deep" name="refill"><skipped message="[^"]+"\/>/)
  expect(readFileSync(file, 'utf8')).toContain('<testsuite name="connection deep"')
  expect(await desk.run(['status', '--fail-under', '101'])).toMatchObject({
    code: 3,
    err: expect.stringContaining('is below 101'),
  })
})

it('erases the data of a tenant, once its name was typed, and shows the receipt', async () => {
  const acme = desk.deep.for({ tenant: 'acme' })
  await acme.set('plan', 'gold')
  await desk.deep.flush()
  const DEEP = ['--cache-name', 'deep'] as const
  expect(await desk.run(['erase', ...DEEP], { as: 'admin' })).toMatchObject({
    code: 2,
    err: expect.stringContaining('--tenant'),
  })
  const dry = await desk.run(['erase', '--tenant', 'acme', '--dry-run', ...DEEP], { as: 'admin' })
  expect(dry).toMatchObject({
    code: 0,
    out: expect.stringMatching(/deep: 1 entry in memory[\s\S]*Nothing was changed/),
  })
  const wrong = await desk.run(['erase', '--tenant', 'acme', ...DEEP], { as: 'admin', typed: ['acne'] })
  expect([wrong.code, await acme.get('plan')]).toEqual([9, 'gold'])
  const done = await desk.run(['erase', '--no-color', '--tenant', 'acme', '--reason', 'request 4711', ...DEEP], {
    as: 'admin',
    typed: ['acme'],
  })
  expect(done).toMatchObject({
    code: 0,
    out: expect.stringMatching(/completed\n {2}deep: proven\n {4}default~acme sqlite proven, 0 removed/),
  })
  expect(await acme.get('plan')).toBeUndefined()
  const id = /ers_[\w-]+/.exec(done.out)?.[0] ?? ''
  const file = join(desk.folder, 'receipt.json')
  const receipt = await desk.run(['receipt', id, '--output', file], { as: 'admin' })
  expect(receipt).toMatchObject({ code: 0, out: expect.stringMatching(/recorded by admin: row \d+/) })
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
    schema: 'millpond.receipt/1',
    subject: { tenant: 'acme' },
  })
})

it('has one version, from its package.json', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  expect((await desk.run(['--version'])).out).toBe(`millpond ${version}\n`)
})

it('leaves no user behind whose token could not be created', async () => {
  const { token } = (
    await desk.run(['token', 'create', 'half', '--scopes', 'tokens:write,users:write', '--json'], { as: 'admin' })
  ).json
  expect(
    (await desk.run(['token', 'create', 'orphan', '--role', 'viewer'], { env: { MILLPOND_TOKEN: token } })).code,
  ).toBe(4)
  const names = await desk.store.read.selectFrom('users').select('name').execute()
  expect(names.map(({ name }) => name)).not.toContain('orphan')
})

it('compares what processes hold, and a benchmark with an earlier one', async () => {
  await desk.shop.set('compared', { a: 1 })
  const alone = await desk.run(['inspect', 'compared', '--diff', ...SHOP], { as: 'admin' })
  expect(alone).toMatchObject({ code: 0, out: expect.stringMatching(/: [0-9a-f]{12}, of memory/) })
  expect((await desk.run(['inspect', 'compared', '--diff', ...SHOP], { as: 'viewer' })).code).toBe(4)
  const run = ['benchmark', '--duration', '60', '--ops', '500', '--traffic', 'zipf:0.8', ...SHOP]
  const first = await desk.run([...run, '--json'])
  expect(first.json.figures.operations).toBe(500)
  const file = join(desk.folder, 'bench.json')
  const write = (figures: object) => writeFileSync(file, JSON.stringify({ figures }))
  write({
    ...first.json.figures,
    ops_per_second: 1,
    get: { p50_ms: 1e9, p99_ms: 1e9 },
    set: { p50_ms: 1e9, p99_ms: 1e9 },
  })
  expect((await desk.run([...run, '--compare', file])).code).toBe(0)
  write({ ...first.json.figures, ops_per_second: 1e12 })
  expect((await desk.run([...run, '--compare', file])).code).toBe(3)
})

it('writes dashboard and rules, and reports an outdated file', async () => {
  for (const command of ['grafana', 'prometheus-rules']) {
    const file = join(desk.folder, command)
    expect((await desk.run([command, '--output', file])).code).toBe(0)
    expect((await desk.run([command, '--check', file])).code).toBe(0)
    writeFileSync(file, readFileSync(file, 'utf8').replace('millpond', 'milpond'))
    expect(await desk.run([command, '--check', file])).toMatchObject({
      code: 3,
      err: expect.stringContaining('is out of date'),
    })
    expect((await desk.run([command, '--check', join(desk.folder, 'none')])).code).toBe(2)
  }
})

it('prints individual reads as they happen, filtered, as lines or documents', async () => {
  const reads = setInterval(() => void desk.shop.get('tailed:none').then(() => desk.shop.get('tailed:other')), 20)
  try {
    const lines = await desk.run(['monitor', '--tail', '--once', '--contains', 'tailed:none', ...SHOP])
    expect(lines).toMatchObject({ code: 0, out: expect.stringMatching(/^\S+ miss shop\/default tailed:none /) })
    expect(lines.out).not.toContain('tailed:other')
    const rows = await desk.run(['monitor', '--tail', '--once', '--ndjson', '--contains', 'tailed:', ...SHOP])
    expect(JSON.parse(rows.out.split('\n')[0] ?? '')).toMatchObject({
      schema: 'millpond.tail/1',
      cache_name: 'shop',
      kind: 'miss',
    })
  } finally {
    clearInterval(reads)
  }
})

it('inspects keys that do not fit in a path', async () => {
  await desk.shop.set('..', 'dots')
  const { code, out } = await desk.run(['inspect', '..', '--value', '--history', ...SHOP], { as: 'admin' })
  expect([code, out.includes('dots')]).toEqual([0, true])
})
