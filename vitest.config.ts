// How tests run: on sources, without a build, beside real servers.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const root = fileURLToPath(new URL('.', import.meta.url))

const suites = ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'bench/test/**/*.test.ts', 'scripts/test/**/*.test.ts']
/** Suites that judge times: neighbours would disturb them. */
const alone = ['packages/*/test/histories/**/*.test.ts', '**/*.alone.test.ts']

export default defineConfig({
  resolve: { alias: publicNames() },
  test: {
    globalSetup: ['./scripts/vitest-setup.mjs'],
    runner: './scripts/fair-runner.mjs',
    // Processes, not threads: a test may crash, stop or starve itself without taking the others along.
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    reporters: ['default'],
    coverage: { provider: 'v8', include: ['packages/*/src/**', 'apps/*/src/**'], reporter: ['text', 'json-summary'] },
    projects: [
      { extends: true, test: { name: 'rooms', include: suites, exclude: alone, maxWorkers: 2, sequence: { groupOrder: 0 } } },
      {
        extends: true,
        test: { name: 'alone', include: alone, exclude: ['**/node_modules/**'], maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
})

/** `millpond/tiers/redis` as its source file, read from the exports that users see: what is not exported cannot be imported by name. */
function publicNames(): { find: RegExp; replacement: string }[] {
  const folders = readdirSync(join(root, 'packages')).filter((folder) => existsSync(join(root, 'packages', folder, 'package.json')))
  return folders.flatMap((folder) => {
    const manifest: { name: string; exports?: Record<string, { default?: string } | string> } = JSON.parse(
      readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'),
    )
    return Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
      const built = typeof target === 'string' ? target : target.default
      if (!built?.startsWith('./dist/')) return []
      const source = built.replace('./dist/', 'src/').replace(/\.js$/, '.ts')
      const name = manifest.name + subpath.slice(1)
      return [{ find: new RegExp(`^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`), replacement: join(root, 'packages', folder, source) }]
    })
  })
}
