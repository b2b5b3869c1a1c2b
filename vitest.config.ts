// How tests run: on sources, without a build, beside real servers.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const root = fileURLToPath(new URL('.', import.meta.url))

export default defineConfig({
  resolve: { alias: publicNames() },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'bench/test/**/*.test.ts', 'scripts/test/**/*.test.ts'],
    globalSetup: ['./scripts/vitest-setup.mjs'],
    // Processes, not threads: a test may crash, stop or starve itself without taking the others along.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    reporters: ['default'],
    coverage: { provider: 'v8', include: ['packages/*/src/**', 'apps/*/src/**'], reporter: ['text', 'json-summary'] },
  },
})

/** `millpond/tiers/redis` as its source file, read from the exports that users see: what is not exported cannot be imported by name. */
function publicNames(): { find: RegExp; replacement: string }[] {
  return readdirSync(join(root, 'packages')).flatMap((folder) => {
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
