// The library in one file with the program that uses it, by three bundlers, run where no package is; and in TypeScript
// programs of CommonJS modules.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import ts from 'typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWith, freePort, type RedisService, startRedis } from '../services/index.ts'
import { typeFaults } from '../strict-types.ts'
import { bringTools, emptyFolder, loadTool, program, run } from './tools.ts'

const MEMORY = '{"loaded":"seven","gone":true,"removed":1}'
/** What a program needs of `require` when packages of CommonJS modules lie in its bundle of ES modules. */
const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

let folder = ''
beforeAll(() => {
  bringTools()
  folder = emptyFolder()
}, 180_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Answers the file and whatever the bundler had to say. */
type Bundler = (source: string, format: 'esm' | 'cjs') => Promise<{ file: string; warnings: readonly string[] }>

const out = (name: string, format: 'esm' | 'cjs'): string => join(folder, `${name}.${format === 'esm' ? 'mjs' : 'cjs'}`)

const esbuild: Bundler = async (source, format) => {
  const { build } = loadTool('esbuild')
  const file = out(`esbuild-${source}`, format)
  const banner = format === 'esm' && source !== 'memory.mjs' ? { js: REQUIRE } : {}
  const { warnings } = await build({
    entryPoints: [program(source)],
    bundle: true,
    platform: 'node',
    format,
    // As it is shipped, once: no name is left then.
    minify: format === 'cjs',
    outfile: file,
    banner,
    logLevel: 'silent',
  })
  return { file, warnings: warnings.map(({ text }: { text: string }) => text) }
}

const rollup: Bundler = async (source, format) => {
  const { rollup: open } = loadTool('rollup')
  const { nodeResolve } = loadTool('@rollup/plugin-node-resolve')
  const warnings: string[] = []
  const onwarn = ({ message }: { message: string }): unknown => warnings.push(message)
  const bundle = await open({
    input: program(source),
    plugins: [nodeResolve({ preferBuiltins: true })],
    external: /^node:/,
    onwarn,
  })
  const file = out(`rollup-${source}`, format)
  await bundle.write({ file, format, inlineDynamicImports: true })
  await bundle.close()
  return { file, warnings }
}

const webpack: Bundler = async (source, format) => {
  const open = loadTool('webpack')
  const file = out(`webpack-${source}`, format)
  const compiler = open({
    mode: 'production',
    target: 'node20',
    entry: program(source),
    output: { path: folder, filename: basename(file) },
    // As it is shipped but for the names: its minifier takes longer than all the rest, and esbuild's leaves none
    // either.
    optimization: { minimize: false },
  })
  const stats: { compilation: { warnings: Error[]; errors: Error[] } } = await new Promise((resolve, reject) =>
    compiler.run((error: unknown, done: never) => (error ? reject(error) : resolve(done))),
  )
  await new Promise((resolve) => compiler.close(resolve))
  const { warnings, errors } = stats.compilation
  if (errors.length > 0) throw errors[0]
  return { file, warnings: warnings.map(({ message }) => message) }
}

test.each([
  ['esbuild', 'esm', esbuild],
  ['esbuild', 'cjs', esbuild],
  ['Rollup', 'esm', rollup],
  ['webpack', 'cjs', webpack],
] as const)(
  '%s, %s: memory alone runs where no package is, and nothing is warned of',
  async (_name, format, bundle) => {
    const { file, warnings } = await bundle('memory.mjs', format)
    expect(warnings).toEqual([])
    expect(await run(process.execPath, [file], folder)).toBe(MEMORY)
  },
)

describeWith('redis', "a bundle with the program's own client in it", () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  test.each([
    ['esbuild', 'esm', esbuild],
    ['esbuild', 'cjs', esbuild],
  ] as const)('%s, %s: reaches the server with no package beside it', async (_name, format, bundle) => {
    const { file } = await bundle('redis.mjs', format)
    const printed = await run(process.execPath, [file], folder, { REDIS_URL: server.url })
    expect(JSON.parse(printed)).toEqual({ value: 'loaded', shared: ['fresh', 'fresh'] })
    await server.command('FLUSHALL')
  })

  test('without a client of its own it is told which package is wanted, and what else to do', async () => {
    const source = join(folder, 'wants.mjs')
    const { build } = loadTool('esbuild')
    const entry =
      "import { redis } from 'millpond/tiers/redis'; try { redis() } catch (error) { console.log(error.code, error.message) }"
    await build({
      stdin: { contents: entry, resolveDir: join(program('.'), '..') },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: source,
    })
    expect(await run(process.execPath, [source], folder)).toMatch(
      /^OPTION_INVALID .*npm install ioredis.*client: new Redis/,
    )
  })

  test('BullMQ is asked for by the job table that needs it, and by nothing else', async () => {
    const source = join(folder, 'wants-bullmq.mjs')
    const { build } = loadTool('esbuild')
    const entry =
      "import { bullmqJobs } from 'millpond/jobs/bullmq'; const client = { call() {}, duplicate() {} }; try { bullmqJobs({ client }) } catch (error) { console.log(error.code, error.message) }"
    await build({
      stdin: { contents: entry, resolveDir: join(program('.'), '..') },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: source,
    })
    expect(await run(process.execPath, [source], folder)).toMatch(/^OPTION_INVALID .*npm install bullmq/)
  })
})

test('where a test runner gives a realm of its own, as Jest does, what Node throws is still understood and told', async () => {
  const { file } = await esbuild('realm.mjs', 'cjs')
  // Where no package is: those of the project lie beside the program itself.
  const host = join(folder, 'realm-host.cjs')
  copyFileSync(program('realm-host.cjs'), host)
  const printed = await run(process.execPath, [host, file, String(await freePort())], folder)
  const [server, missing] = JSON.parse(printed)
  expect(server).toMatch(/^LEDGER_UNREACHABLE: .*ECONNREFUSED/)
  expect(missing).toMatch(/^OPTION_INVALID: .*npm install pg/)
})

test('T9: each optional package that is missing is named with its remedy, and tiers that are optional are left out', async () => {
  const { file, warnings } = await esbuild('missing.mjs', 'cjs')
  expect(warnings).toEqual([])
  const { errors, leftOut } = JSON.parse(await run(process.execPath, [file], folder))
  for (const [name, said] of Object.entries(errors))
    expect(said).toMatch(new RegExp(`^MillpondError OPTION_INVALID .*npm install ${name.split(' ')[0]}\\b`))
  expect(Object.keys(errors).length).toBe(11)
  expect(leftOut).toEqual({
    kept: [1, ['memory']],
    warnings: ['ioredis', 'redis', 'pg', 'libsql'].map((name, index) =>
      expect.stringMatching(new RegExp(`^tiers\\[${index + 1}\\] is optional and was left out.*npm install ${name}`)),
    ),
  })
  // One that is there and fails is another matter, also where it is the second that is tried.
  const broken = join(folder, 'broken')
  mkdirSync(join(broken, 'node_modules/redis'), { recursive: true })
  writeFileSync(join(broken, 'node_modules/redis/index.js'), "throw new Error('of another architecture')")
  copyFileSync(file, join(broken, 'missing.cjs'))
  const second = JSON.parse(await run(process.execPath, [join(broken, 'missing.cjs')], broken))
  expect(second.leftOut).toMatch(/^OPTION_INVALID .*ioredis or redis could not be loaded/)
})

const page = readFileSync(new URL('../../../../docs/guide/runtimes.md', import.meta.url), 'utf8')
const compressed = (contents: Uint8Array): number => gzipSync(contents, { level: 9 }).length / 1000
const LEAN = { bundle: true, minify: true, write: false, platform: 'node', format: 'esm', logLevel: 'silent' }

test('memory alone, minified and compressed, is as small as the guide says', async () => {
  const { outputFiles } = await loadTool('esbuild').build({ ...LEAN, entryPoints: [program('memory.mjs')] })
  const kilobytes = compressed(outputFiles[0].contents)
  const stated = Number(/(\d+) kB minified and compressed/.exec(page)?.[1])
  expect(kilobytes).toBeLessThanOrEqual(stated)
  // The page must not state much more either: update it when the bundle gets smaller.
  expect(kilobytes).toBeGreaterThan(stated * 0.9)
})

test('each entry point, minified and compressed, is as small as the guide says', async () => {
  const library = join(program('.'), '../node_modules/millpond')
  const manifest: { exports: Record<string, { default?: string }> } = JSON.parse(
    readFileSync(join(library, 'package.json'), 'utf8'),
  )
  const entries = Object.entries(manifest.exports).filter(([, { default: file }]) => file !== undefined)
  const { outputFiles } = await loadTool('esbuild').build({
    ...LEAN,
    // Optional packages are not the library's.
    packages: 'external',
    outdir: folder,
    entryPoints: entries.map(([subpath, { default: file }]) => ({
      in: join(library, file ?? ''),
      out: subpath.slice(2) || 'millpond',
    })),
  })
  const stated = new Map(
    [...page.matchAll(/`millpond(?:\/([\w/-]+))?` (\d+)/g)].map(([, subpath, kB]) => [
      subpath ?? 'millpond',
      Number(kB),
    ]),
  )
  const sizes = new Map<string, number>(
    outputFiles.map(({ path, contents }: { path: string; contents: Uint8Array }) => [
      relative(folder, path).replace(/\.js$/, ''),
      compressed(contents),
    ]),
  )
  expect([...stated.keys()].sort()).toEqual([...sizes.keys()].sort())
  const others = [...sizes].filter(
    ([name, size]) => size > (stated.get(name) ?? 0) || size < (stated.get(name) ?? 0) * 0.8 - 1,
  )
  expect(others).toEqual([])
})

test('every entry point can be required, and what is required is what is imported', async () => {
  const manifest: { exports: Record<string, unknown> } = JSON.parse(
    readFileSync(join(program('.'), '../node_modules/millpond/package.json'), 'utf8'),
  )
  const names = Object.keys(manifest.exports).map((subpath) => join('millpond', subpath))
  const both = `const all = ${JSON.stringify(names)}.map((name) => [name, require(name)])
Promise.all(all.map(async ([name, required]) => {
  const imported = await import(name, name.endsWith('.json') ? { with: { type: 'json' } } : {})
  return Object.keys(imported).every((key) => key === 'default' || imported[key] === required[key]) ? [] : [name]
})).then((others) => console.log(others.flat().join() || 'one'))`
  const file = join(program('.'), '..', 'both.cjs')
  writeFileSync(file, both)
  expect(await run(process.execPath, ['--disable-warning=ExperimentalWarning', file], folder)).toBe('one')
})

test('a TypeScript program of CommonJS modules compiles under the strictest rules, and runs', async () => {
  const source = program('common.cts')
  // The language's own declarations are taken as they are; ours are not.
  expect(typeFaults(join(source, '..', '..'), [source], { skipDefaultLibCheck: true })).toEqual([])
  const { outputText } = ts.transpileModule(readFileSync(source, 'utf8'), {
    fileName: 'common.cts',
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 },
  })
  const file = join(program('.'), '..', 'common.cjs')
  writeFileSync(file, outputText)
  expect(await run(process.execPath, [file], folder)).toBe('Ada')
})

test('what needs nothing of Node in its types compiles where Node is not declared', () => {
  const beside = [
    'simple',
    'environment',
    'observe',
    'invalidate',
    'jobs',
    'memory',
    'nodes',
    'insight',
    'options',
    'tier',
    'tiers/sqlite',
    'tiers/file',
  ]
  const names = ['millpond', ...beside.map((subpath) => `millpond/${subpath}`)]
  const source = join(program('.'), '..', 'bare.mts')
  writeFileSync(source, names.map((name, at) => `export * as a${at} from '${name}'\n`).join(''))
  expect(typeFaults(join(program('.'), '..'), [source], { skipDefaultLibCheck: true, types: [] })).toEqual([])
})
