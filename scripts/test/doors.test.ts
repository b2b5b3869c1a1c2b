// The doors hold: a planted forbidden import is found, by the rule that is meant to find it, and a house in order is
// left in peace.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { PAIRS } from '../../.dependency-cruiser.mjs'
import { root, tool } from '../prepare.mjs'

const src = 'packages/millpond/src'

/** A small house in order: every import that the doors allow, once. */
const inOrder: Record<string, string> = {
  'packages/millpond/package.json': JSON.stringify({
    name: 'millpond',
    type: 'module',
    peerDependencies: { ioredis: '*' },
    peerDependenciesMeta: { ioredis: { optional: true } },
    devDependencies: { ioredis: '1.0.0', hammer: '1.0.0' },
  }),
  'packages/control/package.json': '{ "name": "control", "type": "module" }',
  'node_modules/ioredis/package.json': '{ "name": "ioredis", "main": "index.js" }',
  'node_modules/hammer/package.json': '{ "name": "hammer", "main": "index.js" }',
  'node_modules/hammer/index.js': 'export const hammer = 1',
  'node_modules/ioredis/index.js': 'export const Redis = 1',
  [`${src}/core/entry.ts`]: 'export const entry = 1',
  'packages/millpond/test/engine/some.ts': 'export const some = 1',
  [`${src}/core/key.ts`]: "export { entry } from './entry.ts'",
  [`${src}/engine/read.ts`]:
    "import { entry } from '../core/entry.ts'\nimport 'node:crypto'\nexport const read = entry",
  [`${src}/memory/store.ts`]: "import { entry } from '../core/entry.ts'\nexport const store = entry",
  [`${src}/tiers/redis/index.ts`]:
    "import { Redis } from 'ioredis'\nimport { entry } from '../../core/entry.ts'\nexport const tier = [Redis, entry]",
  [`${src}/create.ts`]:
    "import { read } from './engine/read.ts'\nimport { store } from './memory/store.ts'\nexport const create = [read, store]",
  [`${src}/index.ts`]: "export { create } from './create.ts'",
  'apps/deals/src/main.ts': "import 'node:http'\nexport const main = 1",
}

/** One forbidden import each, and the rule that must find it. */
const planted: [rule: string, file: string, text: string][] = [
  ['core-imports-nothing', `${src}/core/bad-node.ts`, "import 'node:fs'"],
  ['core-imports-nothing', `${src}/core/bad-room.ts`, "import '../memory/store.ts'"],
  [
    'core-imports-nothing',
    `${src}/core/bad-type.ts`,
    "import type { store } from '../memory/store.ts'\nexport type Store = typeof store",
  ],
  ['engine-imports-core-only', `${src}/engine/bad-1.ts`, "import '../tiers/redis/index.ts'"],
  ['memory-imports-core-only', `${src}/memory/bad.ts`, "import '../engine/read.ts'"],
  ['memory-imports-core-only', `${src}/memory/bad-front.ts`, "import '../index.ts'"],
  ['tiers-imports-core-only', `${src}/tiers/redis/bad.ts`, "import '../../engine/read.ts'"],
  ['rooms-are-known', `${src}/attic/bad.ts`, "import '../core/entry.ts'"],
  [
    'front-door-stays-light',
    `${src}/index.ts`,
    "export { create } from './create.ts'\nexport { tier } from './tiers/redis/index.ts'",
  ],
  ['other-peoples-code-in-open-rooms-only', `${src}/engine/bad-2.ts`, "import 'ioredis'"],
  ['library-through-its-exports', 'apps/deals/src/bad.ts', "import '../../../packages/millpond/src/index.ts'"],
  [
    'library-through-its-exports',
    'packages/control/src/bad-type.ts',
    "import type { read } from '../../millpond/src/engine/read.ts'\nexport type Read = typeof read",
  ],
  ['library-knows-no-one', `${src}/engine/bad-3.ts`, "import '../../../../apps/deals/src/main.ts'"],
  ['dashboard-by-http-only', 'packages/dashboard/src/bad.ts', "import '../../millpond/src/index.ts'"],
  ['command-line-by-http-only', 'packages/cli/src/commands/bad.ts', "import '../../../millpond/src/index.ts'"],
  ['sources-import-no-tests', `${src}/engine/bad-4.ts`, "import '../../test/engine/some.ts'"],
  ['no-circles', `${src}/core/entry.ts`, "import './key.ts'\nexport const entry = 1"],
  ['declared-packages-only', 'packages/control/src/bad.ts', "import 'ioredis'"],
  ['declared-packages-only', `${src}/tiers/redis/bad-tool.ts`, "import 'hammer'"],
  ['everything-resolves', `${src}/engine/bad-5.ts`, "import './nowhere.ts'"],
]

describe('the doors between rooms', () => {
  let clean: string[]
  let dirty: string[]
  beforeAll(async () => {
    const house = mkdtempSync(join(tmpdir(), 'millpond-doors-'))
    const write = (files: Record<string, string>): void => {
      for (const [file, text] of Object.entries(files)) {
        mkdirSync(dirname(join(house, file)), { recursive: true })
        writeFileSync(join(house, file), `${text}\n`)
      }
    }
    try {
      for (const file of ['.dependency-cruiser.mjs', 'tsconfig.base.json']) cpSync(join(root, file), join(house, file))
      write({ 'package.json': '{ "type": "module" }', ...inOrder })
      clean = await violations(house)
      write(Object.fromEntries(planted.map(([, file, text]) => [file, text])))
      dirty = await violations(house)
    } finally {
      rmSync(house, { recursive: true, force: true })
    }
  })

  test('leave a house in order in peace', () => {
    expect(clean).toEqual([])
  })

  test.each(planted)('%s finds %s', (rule, file) => {
    expect(dirty).toContain(`${rule}: ${file}`)
  })

  test('name in ARCHITECTURE.md each pair of rooms that they let through', () => {
    const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
    const pairs = Object.entries(PAIRS).flatMap(([from, rooms]) => rooms.map((to) => `${from} -> ${to}`))
    expect(pairs.filter((pair) => !text.includes(pair))).toEqual([])
  })
})

async function violations(house: string): Promise<string[]> {
  const args = [
    tool('dependency-cruiser', 'depcruise'),
    '--config',
    '.dependency-cruiser.mjs',
    '--output-type',
    'json',
    'packages',
    'apps',
  ]
  const run = promisify(execFile)(process.execPath, args, { cwd: house, maxBuffer: 1 << 26 })
  // The number of violations is the exit code; the report is printed in any case.
  const { stdout } = await run.catch((error: { stdout: string }) => error)
  const report: { summary: { violations: { rule: { name: string }; from: string }[] } } = JSON.parse(stdout)
  return report.summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`)
}
