// What `npm run long` runs: whatever has a short form is run in its long one somewhere.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../prepare.mjs'

test('every suite with a short form is named by the long run', () => {
  const named = [...readFileSync(join(root, 'scripts/long.mjs'), 'utf8').matchAll(/'([\w/.-]+\/[\w/.-]+)'/g)].map(
    ([, name = '']) => name,
  )
  const suites = ['packages', 'apps']
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(folder, name, 'test')))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.test.ts'))
        .map((path) => join(folder, path)),
    )
    .filter((path) => /\bfrom '[./\w]*\/form\.ts'/.test(readFileSync(join(root, path), 'utf8')))
  expect(suites.length).toBeGreaterThan(20)
  expect(suites.filter((path) => !named.some((name) => path.includes(name)))).toEqual([])
})
