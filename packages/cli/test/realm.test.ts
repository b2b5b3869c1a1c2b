// Errors of Node's own modules are of another realm where a test runner gives each file its own globals.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test.each(['packages/cli', 'packages/proxy', 'apps/deals'])('no file of %s uses `instanceof Error`', (folder) => {
  const source = fileURLToPath(new URL(`../../../${folder}/src`, import.meta.url))
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  expect(files.length).toBeGreaterThan(5)
  expect(files.filter((path) => readFileSync(join(source, path), 'utf8').includes('instanceof Error'))).toEqual([])
})
