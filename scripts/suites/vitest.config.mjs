// How the published tests of another project run: in the cache folder, on what was built, with our doors in place.
// @ts-check
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { root } from '../prepare.mjs'
import { SUITES } from './list.mjs'

const name = process.env.MILLPOND_SUITE ?? ''
const suite = SUITES[name]
if (suite === undefined) throw new Error(`there is no suite ${JSON.stringify(name)}: set MILLPOND_SUITE`)
const home = join(root, '.cache', 'suites', name, 'files')

export default defineConfig({
  root: home,
  resolve: {
    alias: Object.entries(suite.alias ?? {}).map(([find, file]) => ({
      find: new RegExp(`^${find}$`),
      replacement: join(home, file),
    })),
  },
  test: {
    include: suite.tests,
    exclude: ['**/node_modules/**', ...(suite.without?.files ?? [])],
    globals: true,
    pool: 'forks',
    sequence: { hooks: 'stack' },
    ...(suite.setup !== undefined && { setupFiles: [join(home, suite.setup)] }),
    testTimeout: 60_000,
  },
})
