// `npm start` in a small project of its own: what it installs, builds, passes on and answers.
import { type ExecFileException, execFile, spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { root } from '../prepare.mjs'

const lock = (version: string): string =>
  JSON.stringify({
    packages: {
      '': { name: 'small' },
      'node_modules/typescript-native': { version },
      'node_modules/only-on-macs': { version: '1.0.0', optional: true },
    },
  })

/** A compiler that writes the program, and an npm that installs by noting what it was told. */
const compiler = `
  const { cpSync, mkdirSync } = require('node:fs')
  if (process.env.BREAK) { console.error('error TS2322: broken'); process.exit(2) }
  mkdirSync('apps/deals/dist', { recursive: true })
  cpSync('program.mjs', 'apps/deals/dist/main.js')`
const npm = `
  const { appendFileSync, cpSync, mkdirSync, writeFileSync } = require('node:fs')
  appendFileSync('npm.log', process.argv.slice(2).join(' ') + '\\n')
  mkdirSync('node_modules/typescript-native', { recursive: true })
  writeFileSync('node_modules/typescript-native/package.json', '{ "bin": { "tsc": "tsc.js" } }')
  cpSync('compiler.js', 'node_modules/typescript-native/tsc.js')
  const lock = JSON.parse(require('node:fs').readFileSync('package-lock.json', 'utf8'))
  delete lock.packages['']
  delete lock.packages['node_modules/only-on-macs']
  writeFileSync('node_modules/.package-lock.json', JSON.stringify(lock))`
const program = `
  console.log('program', JSON.stringify(process.argv.slice(2)), process.env.GREETING)
  if (process.argv.includes('--serve')) {
    process.on('SIGTERM', () => { console.log('drained'); process.exit(7) })
    setInterval(() => {}, 1000)
    console.log('serving')
  } else process.exitCode = 3`

describe('npm start', () => {
  let folder: string
  const write = (files: Record<string, string>): void => {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), text)
    }
  }
  const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
    ...process.env,
    npm_execpath: join(folder, 'npm.js'),
    ...more,
  })
  const start = (args: string[], env?: NodeJS.ProcessEnv): Promise<{ code: unknown; out: string; err: string }> =>
    new Promise((resolve) => {
      const done = (error: ExecFileException | null, out: string, err: string): void =>
        resolve({ code: error?.code ?? 0, out, err })
      execFile(process.execPath, ['scripts/start.mjs', ...args], { cwd: folder, env: environment(env) }, done)
    })
  const installs = (): number =>
    existsSync(join(folder, 'npm.log')) ? readFileSync(join(folder, 'npm.log'), 'utf8').trim().split('\n').length : 0

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'millpond-start-'))
    for (const file of ['start.mjs', 'prepare.mjs'])
      cpSync(join(root, 'scripts', file), join(folder, 'scripts', file), { recursive: true })
    const tsconfig = '{ "files": [], "references": [{ "path": "apps/deals" }] }'
    write({
      'package-lock.json': lock('1.0.0'),
      'tsconfig.json': tsconfig,
      'compiler.js': compiler,
      'npm.js': npm,
      'program.mjs': program,
    })
    // The dashboard's page has a build of its own.
    write({ 'packages/dashboard/build.mjs': '' })
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('installs, builds and runs with arguments, environment and exit code passed on', async () => {
    const { code, out, err } = await start(['serve', '--data', 'a folder'], { GREETING: 'hello' })
    expect(err).toBe('')
    expect(out).toMatch(/installing packages[\s\S]*building[\s\S]*program \["--data","a folder"\] hello\n$/)
    expect(code).toBe(3)
    expect(readFileSync(join(folder, 'npm.log'), 'utf8')).toMatch(/^ci /)
  })

  test('tells an option that the program does not know in a line', async () => {
    write({
      'program.mjs': "import { parseArgs } from 'node:util'\nparseArgs({ options: {}, allowPositionals: true })",
    })
    const { code, err } = await start(['serve', '--odd'], { npm_lifecycle_event: 'bench:odd' })
    expect([code, err]).toEqual([2, "bench:odd: Unknown option '--odd'; --help shows the options\n"])
  })

  test.each([
    ['--nosuch', 'there is no option --nosuch'],
    ['--nosuch=1', 'there is no option --nosuch'],
    ['--users abc', '--users "abc": give a number'],
    ['--users -5', '--users "-5": give a number'],
    ['--users=', '--users "": give a number'],
    ['--users', '--users: give a number'],
  ])('%s is refused before anything is installed', async (args, why) => {
    write({ 'apps/deals/src/settings.ts': 'export const HELP = `Usage:\n  --users N   (5)\n  --port N|off  a port\n`' })
    const { code, out, err } = await start(['serve', '--port', 'off', ...args.split(' ')], {
      npm_lifecycle_event: 'start',
    })
    expect([code, out, err]).toEqual([2, '', `start: ${why}; --help shows the options\n`])
    expect(installs()).toBe(0)
  })

  test('installs again only when the lock file asks for something else', async () => {
    await start(['serve'])
    await start(['serve'])
    expect(installs()).toBe(1)
    write({ 'package-lock.json': lock('1.0.1') })
    await start(['serve'])
    expect(installs()).toBe(2)
    rmSync(join(folder, 'node_modules'), { recursive: true })
    await start(['serve'])
    expect(installs()).toBe(3)
  })

  test('builds again when the output was removed, whatever the compiler noted', async () => {
    await start(['serve'])
    write({ 'apps/deals/tsconfig.tsbuildinfo': '{}' })
    rmSync(join(folder, 'apps/deals/dist'), { recursive: true })
    expect((await start(['serve'])).out).toContain('program')
    expect(existsSync(join(folder, 'apps/deals/tsconfig.tsbuildinfo'))).toBe(false)
  })

  test('stops at a build that fails, and at a program that is not there', async () => {
    await start(['serve'])
    const broken = await start(['serve'], { BREAK: 'yes' })
    expect([broken.code, broken.err]).toEqual([1, expect.stringContaining('building (tsc -b) failed')])
    expect(broken.out).not.toContain('program')
    const absent = await start(['load'])
    expect([absent.code, absent.err]).toEqual([1, 'millpond: apps/deals/dist/load.js is not there after the build\n'])
    expect(await start(['swim'])).toMatchObject({ code: 2, err: expect.stringContaining('no program "swim"') })
  })

  test('leaves signals to the program', async () => {
    const child = spawn(process.execPath, ['scripts/start.mjs', 'serve', '--serve'], {
      cwd: folder,
      env: environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let out = ''
    child.stdout.on('data', (data) => {
      out += data
      if (String(data).includes('serving')) child.kill('SIGTERM')
    })
    const code = await new Promise((resolve) => child.once('close', resolve))
    expect([code, out]).toEqual([7, expect.stringMatching(/drained\n$/)])
  })

  test('drains the program when npm was told to end, whose shell passes nothing on', async () => {
    const command = `${JSON.stringify(process.execPath)} scripts/start.mjs serve --serve; true`
    const env = environment({ npm_lifecycle_event: 'start' })
    const shell = spawn('sh', ['-c', command], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    shell.stdout.on('data', (data) => {
      out += data
      if (String(data).includes('serving')) shell.kill('SIGTERM')
    })
    // Closed once the program, too, has let go of it.
    await new Promise((resolve) => shell.once('close', resolve))
    expect(out).toMatch(/drained\n$/)
  })

  test.each([
    ['18.20.4', false],
    ['20.18.9', false],
    ['20.19.0', true],
    ['22.0.0', true],
  ])('with Node %s runs: %s', (version, runs) => {
    const module = pathToFileURL(join(folder, 'scripts', 'prepare.mjs')).href
    const { status, stderr } = spawnSync(
      process.execPath,
      ['-e', `import('${module}').then((m) => m.checkNode('${version}'))`],
      {
        encoding: 'utf8',
      },
    )
    expect(status).toBe(runs ? 0 : 1)
    expect(stderr).toBe(
      runs
        ? ''
        : `millpond: Millpond needs Node 20.19 or newer, and this is Node ${version}. Get one at https://nodejs.org\n`,
    )
  })
})
