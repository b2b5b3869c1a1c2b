// The examples of the README and the guide that are marked to run: each compiles under the strictest rules where it says that it is TypeScript, and runs as
// a program of its own, against the built library.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, describe, expect, it } from 'vitest'
import { typeFaults } from './strict-types.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const pages = ['README.md', ...readdirSync(join(root, 'docs/guide')).map((name) => `docs/guide/${name}`)]
// Inside the project, so that `millpond` is found as a user's program would find it.
mkdirSync(join(root, '.cache'), { recursive: true })
const folder = mkdtempSync(join(root, '.cache', 'examples-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Fails the program on a failing `console.assert`, which by itself only prints. */
const STRICT = 'console.assert = (ok, ...rest) => { if (!ok) { console.error("assertion failed", ...rest); process.exitCode = 1 } }\n'

describe.each(pages)('%s', (page) => {
  const examples = [...readFileSync(join(root, page), 'utf8').matchAll(/^```[jt]s run\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '')

  it.each(examples.map((code, index) => [index + 1, code] as const))('example %i runs', (index, code) => {
    const file = join(folder, `${page.replaceAll('/', '-')}-${index}.mjs`)
    const { outputText } = ts.transpileModule(code, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 } })
    writeFileSync(file, STRICT + outputText)
    const run = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 20_000 })
    expect(run.stderr).toBe('')
    expect(run.status).toBe(0)
  })

  it('names only files that exist', () => {
    for (const link of linksOf(page)) expect(existsSync(join(root, page, '..', link)), link).toBe(true)
  })
})

const linksOf = (page: string): string[] =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => match[1] ?? '')

it('every page of the guide can be reached from the README, and most pages name others', () => {
  const reached = new Set(linksOf('README.md'))
  expect(pages.filter((page) => page !== 'README.md' && !reached.has(page))).toEqual([])
  expect(pages.flatMap(linksOf).length).toBeGreaterThan(pages.length)
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
