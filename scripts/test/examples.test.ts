// Which examples are run on the packed packages, and what is installed for them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { examplesOf, importedBy } from '../examples.mjs'
import { packageFolders } from '../packed.mjs'
import { root } from '../prepare.mjs'

test('the examples of a page that are marked to run, in their order', () => {
  const page = ['```ts run', 'await one()', '```', '```ts', 'never()', '```', '```js run', 'two()', '```', ''].join(
    '\n',
  )
  expect(examplesOf(page)).toEqual(['await one()\n', 'two()\n'])
})

test('the packages that an example imports, however it does', () => {
  const code = [
    "import { createCache } from 'millpond'",
    "import { redis } from 'millpond/tiers/redis'",
    "import type { Driver } from '@scope/name/driver'",
    "import { metrics } from 'millpond/opentelemetry'",
    "import 'reflect-metadata'",
    "import { join } from 'node:path'",
    "import own from './own.mjs'",
    "const { z } = await import('zod')",
  ].join('\n')
  expect(importedBy(code)).toEqual([
    'millpond',
    'millpond',
    '@scope/name',
    'millpond',
    '@opentelemetry/api',
    'reflect-metadata',
    'zod',
  ])
})

test('every package is packed, and the README has an example', () => {
  expect(packageFolders().length).toBe(6)
  expect(examplesOf(readFileSync(join(root, 'README.md'), 'utf8')).length).toBeGreaterThan(0)
})
