// The docs site without its build, which is part of the long form: every page has its place, and links are rewritten to
// it.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { forSite, placeOf, slugOf } from '../../docs/site/paths.mjs'
import { QUESTIONS } from '../../docs/site/questions.mjs'
import { TASKS } from '../../docs/site/sidebar.mjs'
import { Uses } from '../../docs/site/uses.mjs'
import { READERS, VARIABLES, variablesIn } from '../../docs/site/variables.mjs'
import { root } from '../prepare.mjs'

test('every page of the guide stands in one group of the sidebar', () => {
  const guide = readdirSync(join(root, 'docs/guide')).filter((name) => name.endsWith('.md'))
  expect(TASKS.flatMap(({ pages }) => pages.map((page) => `${page}.md`)).sort()).toEqual(guide.sort())
})

test.each([
  ['docs/guide/keys.md', 'guide/keys.md'],
  ['docs/decisions/README.md', 'decisions/index.md'],
  ['examples', 'examples/index.md'],
  ['examples/express', 'examples/express.md'],
  ['examples/express/README.md', 'examples/express.md'],
  ['packages/cli/README.md', 'packages/cli.md'],
  ['ARCHITECTURE.md', 'architecture.md'],
  ['packages/millpond/src', undefined],
])('%s is %s in the site', (path, place) => {
  expect(placeOf(path)).toBe(place)
})

test('links lead within the site, and what has no page there becomes its words', () => {
  const text = [
    'See [keys](keys.md#tenants), [`why`](../../ARCHITECTURE.md), [the code](../../packages/millpond/src), [away](https://example.org/a.md).',
    '![a ring](images/ring.svg) `code {{ a }}` but {{ this }}<!-- and not this -->',
    '```ts run\nconst a = `{{`\n```',
  ].join('\n')
  expect(forSite('docs/guide/values.md', text, (path) => `/pictures/${path}`)).toBe(
    [
      'See [keys](./keys.md#tenants), [`why`](../architecture.md), the code, [away](https://example.org/a.md).',
      '![a ring](/pictures/docs/guide/images/ring.svg) `code {{ a }}` but &#123;&#123; this }}',
      '```ts\nconst a = `{{`\n```',
    ].join('\n'),
  )
})

test('a heading is reached as on a code host', () => {
  expect(slugOf("From somebody else's input: 2 ways")).toBe('from-somebody-elses-input-2-ways')
})

test('a page uses what it imports, from where it imports it, and what it names in code', () => {
  const uses = new Uses([
    {
      name: 'a.md',
      text: "# A\n\n`RedisTierOptions`, `get`\n\n```ts\nimport { redis, type Tier as T } from 'millpond/tiers/redis'\n```\n",
    },
  ])
  const isUsed = (name: string, module: string) => uses.pagesOf(name, module).length === 1
  expect([
    isUsed('redis', 'millpond/tiers/redis'),
    isUsed('Tier', 'millpond/tiers/redis'),
    isUsed('RedisTierOptions', 'millpond'),
  ]).toEqual([true, true, true])
  expect([isUsed('redis', 'millpond'), isUsed('get', 'millpond'), isUsed('T', 'millpond/tiers/redis')]).toEqual([
    false,
    false,
    false,
  ])
})

test('there are twenty questions and more, half of them for an option', () => {
  expect(QUESTIONS.length).toBeGreaterThanOrEqual(20)
  expect(QUESTIONS.filter(({ option }) => option !== undefined).length).toBeGreaterThanOrEqual(10)
})

test('every environment variable that the code reads has words, and no words are of one that nothing reads', () => {
  const read = READERS.map(([, ...files]) => variablesIn(root, files))
  for (const [at, names] of read.entries()) expect(names.length, READERS[at]?.[0]).toBeGreaterThan(0)
  expect(Object.keys(VARIABLES).sort()).toEqual([...new Set(read.flat())].sort())
})
