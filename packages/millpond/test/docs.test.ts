// The examples of the README and the guide that are marked to run: each compiles under the strictest rules where it
// says that it is TypeScript, and runs against the built library until nothing of it keeps a process alive.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { typeFaults } from './strict-types.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
/** What stands in the package itself: all that a new user has without the repository. */
const PACKAGE_PAGE = 'packages/millpond/README.md'
const guide = readdirSync(join(root, 'docs/guide')).filter((name) => name.endsWith('.md'))
const pages = ['README.md', PACKAGE_PAGE, 'SECURITY.md', ...guide.map((name) => `docs/guide/${name}`)]
// Inside the project, so that `millpond` is found as a user's program would find it.
mkdirSync(join(root, '.cache'), { recursive: true })
const folder = mkdtempSync(join(root, '.cache', 'examples-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const PAGES_CHILD = fileURLToPath(new URL('./pages-child.mjs', import.meta.url))

interface Ended {
  readonly file: string
  readonly said: string
  readonly code: number
}

/**
 * Runs the examples of all pages in as few processes as they leave alive: the library is loaded once for all of them,
 * and that was most of the time.
 */
function runAll(files: readonly string[], report: string): ReadonlyMap<string, Ended> {
  const ended = new Map<string, Ended>()
  while (ended.size < files.length) {
    const waiting = files.filter((file) => !ended.has(file))
    writeFileSync(report, '')
    const { stderr, status, signal } = spawnSync(process.execPath, [PAGES_CHILD, report, ...waiting], {
      encoding: 'utf8',
      timeout: 30_000 + waiting.length * 2000,
    })
    for (const line of readFileSync(report, 'utf8').split('\n').slice(0, -1)) {
      const one: Ended = JSON.parse(line)
      ended.set(one.file, one)
    }
    if (status === 0 && stderr === '') continue
    // Output of the runtime itself does not pass through the program: it is attributed to the example that was running,
    // or ran last.
    const done = waiting.findLastIndex((file) => ended.has(file))
    const file =
      waiting[signal === null ? Math.max(0, done) : done + 1] ?? expect.fail(`after all examples: ${stderr}${signal}`)
    ended.set(file, { file, said: `${ended.get(file)?.said ?? ''}${stderr}${signal ?? ''}`, code: status ?? 1 })
  }
  return ended
}

const examples = new Map(
  pages.map((page) => [
    page,
    [...readFileSync(join(root, page), 'utf8').matchAll(/^```[jt]s run\n([\s\S]*?)^```/gm)].map((match, index) => ({
      file: join(folder, `${page.replaceAll('/', '-')}-${index + 1}.mjs`),
      code: match[1] ?? '',
    })),
  ]),
)
let ended: ReadonlyMap<string, Ended>
beforeAll(() => {
  const all = [...examples.values()].flat()
  for (const { file, code } of all) {
    const { outputText } = ts.transpileModule(code, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
    })
    writeFileSync(file, outputText)
  }
  ended = runAll(
    all.map(({ file }) => file),
    join(folder, 'report.jsonl'),
  )
}, 300_000)

describe.each(pages)('%s', (page) => {
  const files = (examples.get(page) ?? []).map(({ file }, index) => [index + 1, file] as const)

  it.each(files)('example %i runs', (_index, file) => {
    const { said, code } = ended.get(file) ?? expect.fail('it was not run')
    expect(said).toBe('')
    expect(code).toBe(0)
  })

  it('names only files that exist', () => {
    for (const link of linksOf(page)) expect(existsSync(join(root, page, '..', link)), link).toBe(true)
  })

  it('names only headings that exist', () => {
    const deep = [...withoutCode(page).matchAll(/\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g)]
    const lost = deep.filter(([, file = '', anchor = '']) => {
      const target = file === '' ? page : join(page, '..', file)
      return target.endsWith('.md') && !anchorsOf(target).has(anchor)
    })
    expect(lost.map(([link]) => link)).toEqual([])
  })
})

const withoutCode = (page: string): string => readFileSync(join(root, page), 'utf8').replace(/^```[\s\S]*?^```/gm, '')

/** By which a page's headings are reached, as GitHub makes them. */
function anchorsOf(page: string): ReadonlySet<string> {
  const headings = [...withoutCode(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading)
  return new Set(
    headings.map((heading) =>
      heading
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

it('a stranger finds the answer to a question within two clicks: README, questions, the section that tells it', () => {
  expect(linksOf('README.md')).toContain('docs/guide/questions.md')
  const rows = [...readFileSync(join(root, 'docs/guide/questions.md'), 'utf8').matchAll(/^\| (.+\?) \| (.+) \|$/gm)]
  expect(rows.length).toBeGreaterThanOrEqual(20)
  expect(
    rows.filter(([, , answer = '']) => !/\]\([a-z-]+\.md(#[a-z-]+)?\)/.test(answer)).map(([, question]) => question),
  ).toEqual([])
})

const linksOf = (page: string): string[] =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => match[1] ?? '')

it('the README has 80 lines at most', () => {
  expect(readFileSync(join(root, 'README.md'), 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(80)
})

it('every page of the guide can be reached from the README, and most pages name others', () => {
  const reached = new Set(linksOf('README.md'))
  expect(pages.filter((page) => page !== 'README.md' && page !== PACKAGE_PAGE && !reached.has(page))).toEqual([])
  expect(pages.flatMap(linksOf).length).toBeGreaterThan(pages.length)
})

it("the package's own page names every subpath that can be imported", () => {
  const manifest: { exports: Record<string, unknown> } = JSON.parse(
    readFileSync(join(root, 'packages/millpond/package.json'), 'utf8'),
  )
  const page = readFileSync(join(root, PACKAGE_PAGE), 'utf8')
  const subpaths = Object.keys(manifest.exports).filter((subpath) => subpath !== '.' && subpath !== './package.json')
  const isNamed = (subpath: string): boolean =>
    page.includes(`\`millpond${subpath.slice(1)}\``) ||
    page.includes(`\`${subpath.slice(1)}\``) ||
    page.includes(`\`${subpath.replace('./tiers', '')}\``)
  expect(subpaths.length).toBeGreaterThan(20)
  expect(subpaths.filter((subpath) => !isNamed(subpath))).toEqual([])
})

it('examples in TypeScript compile under strict rules', () => {
  const files = pages.flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(/^```ts run\n([\s\S]*?)^```/gm)].map((match, index) => {
      const file = join(folder, `${page.replaceAll('/', '-')}-${index + 1}.mts`)
      writeFileSync(file, match[1] ?? '')
      return file
    }),
  )
  expect(files.length).toBeGreaterThan(15)
  expect(typeFaults(folder, files, { skipLibCheck: true })).toEqual([])
}, 60_000)

/** What fragments take as given: the caches and helpers of the page, by their types, and the reader's own program. */
const GIVEN = `declare global {
  var cache: import('millpond').Cache
  var cdn: import('@millpond/cdn').Cdn
  var link: import('millpond/testing').FaultProxy
  var registry: import('millpond/observe').Registry
  var kysely: import('kysely').Kysely<any>
  var mongoose: { connection: { transaction(work: (session: object) => Promise<void>): Promise<void> } }
${Object.entries({
  millpond: ['modelTags'],
  'millpond/observe': ['jobCollector'],
  'millpond/next': ['nextIncrementalCache'],
  'millpond/orm/prisma': ['prismaCache'],
  'millpond/testing': ['startFaultProxy', 'describeOutage'],
  'millpond/tiers/redis': ['redis'],
  '@millpond/cdn': ['createCdn', 'cloudflare', 'edgeTargets'],
  '@millpond/cdn/assets': ['s3Store'],
  vitest: ['describe', 'it'],
})
  .flatMap(([from, names]) => names.map((name) => `  var ${name}: typeof import('${from}').${name}`))
  .join('\n')}
${'alarm connectionString db id load mine pool PrismaClient PrismaPg server stage User users eq'
  .split(' ')
  .map((name) => `  var ${name}: any`)
  .join('\n')}
}
export {}
`

it('fragments that do not run name only options, methods and types that exist', () => {
  const given = join(folder, 'given.d.mts')
  writeFileSync(given, GIVEN)
  const absent = join(folder, 'absent.d.ts') // packages that are not installed here
  writeFileSync(absent, "declare module '@libsql/client'\n")
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`)
  const files = [...guide.map((name) => `docs/guide/${name}`), 'README.md', ...packages].flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code], index) => {
      const file = join(folder, `${page.replaceAll('/', '-')}-fragment-${index + 1}.mts`)
      writeFileSync(file, `${code}\nexport {}\n`)
      return file
    }),
  )
  expect(files.length).toBeGreaterThan(25)
  expect(typeFaults(folder, [given, absent, ...files], { skipLibCheck: true })).toEqual([])
}, 60_000)
