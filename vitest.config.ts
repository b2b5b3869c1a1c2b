// How tests run: on sources, without a build, beside real servers. `npm test`, which has just built, has them run on
// what it built, as users have it: the tests alone are transformed then, and not the library, once for each process
// that loads it.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin, type TestProjectInlineConfiguration } from 'vitest/config'
import LongestFirst from './scripts/longest-first.mjs'

const isOnBuild = process.env.MILLPOND_TEST_BUILD === 'yes'
const root = fileURLToPath(new URL('.', import.meta.url))

const suites = [
  'packages/*/test/**/*.test.ts',
  'apps/*/test/**/*.test.ts',
  'bench/test/**/*.test.ts',
  'scripts/test/**/*.test.ts',
]
/**
 * Suites that judge times: neighbours would disturb them. Two at a time have a core each, and many wait until servers
 * have failed over or links are healed.
 */
const alone = ['**/*.alone.test.ts']
/** Of these, suites that judge tens of milliseconds of a server, which needs a core beside theirs: one at a time. */
const fine = ['**/outage.alone.test.ts', '**/postgres-cache.alone.test.ts', '**/memcached-faults.alone.test.ts']
/**
 * Suites of real processes, which wait most of the time: they judge by seconds, histories by what their own processes
 * felt. Of two cores four at a time leave little idle.
 */
const processes = ['**/*.processes.test.ts']
/**
 * What belongs to a whole process: its CPU and memory, its clock and timers, what nobody caught, and modules in
 * another's place, which stay unseen by what is loaded already.
 */
const WHOLE_PROCESS =
  /(?<!\.)process\.(cpuUsage|memoryUsage|resourceUsage|on|once|chdir)\(|process\.env\.\w+ = |setFlagsFromString|useFakeTimers|vi\.mock\(|stub(Env|Global)\(|spyOn\((Date|performance|process|console|globalThis)\b/
const whole = testFiles().filter((path) => WHOLE_PROCESS.test(readFileSync(join(root, path), 'utf8')))
/** Of these, suites that count their own CPU and memory. */
const counting = whole.filter((path) =>
  /process\.(cpuUsage|memoryUsage|resourceUsage)\(/.test(readFileSync(join(root, path), 'utf8')),
)
/**
 * Suites with a process each. All others share a few, each kind its own, in which the library is loaded once: that was
 * a third of all time.
 */
const own = whole.filter((path) => /vi\.mock\(/.test(readFileSync(join(root, path), 'utf8')))
const changing = whole.filter((path) => !counting.includes(path) && !own.includes(path))

export default defineConfig({
  resolve: { alias: publicNames() },
  test: {
    globalSetup: ['./scripts/vitest-setup.mjs'],
    setupFiles: ['./packages/millpond/test/own-meeting-place.ts'],
    runner: './scripts/fair-runner.mjs',
    sequence: { sequencer: LongestFirst },
    // Processes, not threads: a test may crash, stop or starve itself without taking the others along.
    pool: 'forks',
    // A machine that serves others gives a test a tenth of a processor: what takes seconds has its time all the same.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 10_000,
    // Waits for a thing, as `until` does: where a time is promised, the test says it.
    expect: { poll: { timeout: 20_000 } },
    reporters: ['default'],
    // What is plain JavaScript already, as it is: what was built, and copies of the library with a defect planted, some
    // four hundred files each.
    server: { deps: { external: [/\/\.cache\/histories\//, /\/(?:(?:packages|apps)\/[^/]+|bench)\/dist\//] } },
    // Each project transforms for itself: the second finds what the first has done, and so does the next run.
    experimental: { fsModuleCache: true, fsModuleCachePath: isOnBuild ? '.cache/vitest-build' : '.cache/vitest' },
    coverage: { provider: 'v8', include: ['packages/*/src/**', 'apps/*/src/**'], reporter: ['text', 'json-summary'] },
    // Of four on two cores, two wait for servers and timers most of the time. Those that count their own CPU have a
    // core each.
    projects: [
      project('rooms', {
        include: suites,
        exclude: [...alone, ...processes, ...whole],
        isolate: false,
        maxWorkers: 4,
        sequence: { groupOrder: 0 },
      }),
      project('changing', {
        include: changing,
        exclude: [...alone, ...processes],
        isolate: false,
        maxWorkers: 4,
        sequence: { groupOrder: 0 },
      }),
      project('own', { include: own, exclude: [...alone, ...processes], maxWorkers: 4, sequence: { groupOrder: 0 } }),
      project('counting', {
        include: counting,
        exclude: [...alone, ...processes, ...own],
        isolate: false,
        maxWorkers: 2,
        sequence: { groupOrder: 1 },
      }),
      // Soaks, which judge what they leave in the memory of a process of their own.
      project('apart', {
        include: whole.filter((path) => path.endsWith('.alone.test.ts')),
        maxWorkers: 2,
        sequence: { groupOrder: 1 },
      }),
      project('alone', {
        include: alone,
        exclude: [...whole, ...fine],
        isolate: false,
        maxWorkers: 2,
        sequence: { groupOrder: 2 },
      }),
      project('fine', { include: fine, exclude: whole, isolate: false, maxWorkers: 1, sequence: { groupOrder: 3 } }),
      project('processes', { include: processes, isolate: false, maxWorkers: 4, sequence: { groupOrder: 4 } }),
    ],
  },
})

/** Looked for where tests lie and nowhere else: in cache folders files come and go meanwhile. */
function testFiles(): string[] {
  const packages = ['packages', 'apps'].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => join(folder, name)),
  )
  return [...packages, 'bench', 'scripts']
    .map((folder) => join(folder, 'test'))
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
    )
    .filter((path) => path.endsWith('.test.ts'))
}

function project(
  name: string,
  { exclude = [], ...test }: NonNullable<TestProjectInlineConfiguration['test']>,
): TestProjectInlineConfiguration {
  // A module that is put in another's place must be one that Vitest loads.
  const plugins = isOnBuild && name !== 'own' ? [builtInsteadOfSource()] : []
  return {
    extends: true,
    plugins,
    test: { name, exclude: ['**/node_modules/**', '**/.cache/**', ...exclude], ...test },
  }
}

/** Whatever a test imports of a package's sources, as it was built from there. */
function builtInsteadOfSource(): Plugin {
  return {
    name: 'built-instead-of-source',
    enforce: 'pre',
    resolveId(asked, importer) {
      const path = asked.startsWith('.') && importer !== undefined ? join(dirname(importer), asked) : asked
      if (!path.startsWith(root)) return undefined
      const [, folder, name] =
        /^((?:(?:packages|apps)\/[^/]+|bench)\/)src\/(.+)\.tsx?$/.exec(path.slice(root.length)) ?? []
      if (folder === undefined) return undefined
      const built = join(root, folder, 'dist', `${name}.js`)
      if (!existsSync(built)) throw new Error(`${path} was not built: "npm run check" builds`)
      return built
    },
  }
}

/**
 * `millpond/tiers/redis` as its source file, read from the exports that users see: what is not exported cannot be
 * imported by name.
 */
function publicNames(): { find: RegExp; replacement: string }[] {
  const folders = readdirSync(join(root, 'packages')).filter((folder) =>
    existsSync(join(root, 'packages', folder, 'package.json')),
  )
  return folders.flatMap((folder) => {
    const manifest: { name: string; exports?: Record<string, { default?: string } | string> } = JSON.parse(
      readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'),
    )
    return Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
      const built = typeof target === 'string' ? target : target.default
      if (!built?.startsWith('./dist/')) return []
      const source = built.replace('./dist/', 'src/').replace(/\.js$/, '.ts')
      const name = manifest.name + subpath.slice(1)
      return [
        {
          find: new RegExp(`^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`),
          replacement: join(root, 'packages', folder, source),
        },
      ]
    })
  })
}
