// Every id that a test's title cites has its line in the table.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../prepare.mjs'

function known(): Set<string> {
  const page = readFileSync(join(root, 'docs/ids.md'), 'utf8')
  const ids = new Set<string>()
  for (const [, letter = '', from = '', to = from] of page.matchAll(/^\| ([A-Z])(\d+)(?:-[A-Z](\d+))? \|/gm))
    for (let number = Number(from); number <= Number(to); number++) ids.add(letter + number)
  return ids
}

/** Neither what is installed nor what other tests make and remove while this one looks. */
function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return /^(?:\.|node_modules$|dist$)/.test(entry.name) ? [] : testFiles(path)
    return entry.name.endsWith('.test.ts') ? [path] : []
  })
}

/** `G1, G3, I7: what one invalidates` or `X2 GET /path`, as a title of a test or suite begins. */
function cited(): string[] {
  const files = ['packages', 'apps', 'bench'].flatMap((folder) => testFiles(join(root, folder)))
  return files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\(\s*['"`]((?:[A-Z]\d{1,2}(?:, )?)+)(?::| [A-Z])/g)].flatMap((match) =>
      (match[1] ?? '').split(', '),
    ),
  )
}

test('each has its line in docs/ids.md', () => {
  const ids = known()
  expect(ids.size).toBeGreaterThan(100)
  const all = new Set(cited())
  expect(all.size).toBeGreaterThan(15)
  expect([...all].filter((id) => !ids.has(id))).toEqual([])
})
