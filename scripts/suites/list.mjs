// The published tests of other projects, and what takes the place of the part that they test. The versions are pinned:
// raise a commit together with its packages, and read what has changed.
// @ts-check

/**
 * `label`: in the guide's table. `of`: the version tested. `repository`, `commit` and `paths`: where the tests are;
 * absent if a package brings them. `packages`: what the tests import besides the project's own packages. `doors`: files
 * of `doors/` by the place where the tests look for what they test. `alias`: packages that are replaced in the tests
 * alone. `tests`: files to run. `without`: files that are left out, with the reason.
 * `setup`: run before each of them.
 * @typedef {{
 *   label: string, of: string, repository?: string, commit?: string, paths?: string[],
 *   packages?: Record<string, string>, doors: Record<string, string>, alias?: Record<string, string>, tests: string[],
 *   setup?: string, without?: { files: string[], reason: string }
 * }} Suite
 */

const CACHE_MANAGER = {
  repository: 'jaredwray/cacheable',
  commit: 'd1589d5eecba7930f1c83848c6031be1594d09a4',
  paths: ['packages/cache-manager/test'],
  packages: {
    '@faker-js/faker': '10.6.0',
    '@keyv/redis': '5.1.6',
    'cache-manager': '7.2.9',
    'cache-manager-redis-yet': '5.1.5',
    cacheable: '2.5.0',
  },
  tests: ['packages/cache-manager/test/*.test.ts'],
  without: {
    files: ['packages/cache-manager/test/{keyv-adapter,example}.test.ts'],
    reason: 'two files are left out: they need a Redis on port 6379, and stores that are not ours',
  },
}
const NEST = {
  repository: 'nestjs/cache-manager',
  commit: '01015f0ce6aa2bcc5ed1896898c860a7f1646c69',
  packages: { '@nestjs/platform-express': '11.2.10', '@nestjs/testing': '11.2.6', supertest: '7.2.2' },
}

/** @type {Record<string, Suite>} */
export const SUITES = {
  keyv: {
    label: "Keyv's stores, over memory and over SQLite",
    of: '@keyv/test-suite 2.1.2',
    packages: { '@keyv/test-suite': '2.1.2' },
    doors: { 'keyv.test.ts': 'keyv-suite.ts' },
    tests: ['keyv.test.ts'],
  },
  'cache-manager-keyv': {
    label: 'cache-manager, each Keyv of which has our store',
    of: 'cache-manager 7.2.9',
    ...CACHE_MANAGER,
    doors: { 'packages/cache-manager/src/index.ts': 'cache-manager-itself.ts', 'keyv.ts': 'keyv-in-place.ts' },
    alias: { keyv: 'keyv.ts' },
  },
  'cache-manager': {
    label: '`cacheManager` in place of cache-manager',
    of: 'cache-manager 7.2.9',
    ...CACHE_MANAGER,
    doors: { 'packages/cache-manager/src/index.ts': 'cache-manager.ts' },
  },
  nest: {
    label: 'Nest, `CacheInterceptor` and its decorators',
    of: '@nestjs/cache-manager 3.1.3',
    ...NEST,
    paths: ['tests'],
    doors: { 'lib/index.ts': 'nest.ts' },
    tests: ['tests/e2e/{cache-header,custom-ttl}.spec.ts'],
  },
  'nest-keyv': {
    label: "Nest's own `CacheModule`, each Keyv of which has our store",
    of: '@nestjs/cache-manager 3.1.3',
    ...NEST,
    paths: ['tests', 'lib'],
    doors: { 'keyv.ts': 'keyv-in-place.ts', 'cache-manager.ts': 'cache-manager-itself.ts' },
    alias: { keyv: 'keyv.ts', 'cache-manager': 'cache-manager.ts' },
    tests: ['tests/e2e/*.spec.ts'],
    without: {
      files: ['tests/e2e/{cacheable-nonblocking,multi-store}.spec.ts'],
      reason: 'two files are left out: they need a Redis on port 6379, and stores that are not ours',
    },
  },
  bentocache: {
    label: '`bentocache` in place of bentocache',
    of: 'bentocache 1.6.1',
    repository: 'Julien-R44/bentocache',
    commit: 'c513aef166e13c60be13f5c7571ab6ee96c94dbe',
    paths: ['packages/bentocache/tests', 'packages/bentocache/src'],
    packages: {
      '@boringnode/bus': '0.9.0',
      '@japa/assert': '4.2.0',
      '@japa/runner': '5.3.0',
      '@julr/utils': '1.9.0',
      '@poppinss/exception': '1.2.3',
      'async-mutex': '0.5.0',
      dayjs: '1.11.19',
      'p-event': '7.0.1',
      'p-timeout': '7.0.1',
      pino: '10.1.0',
      'pino-loki': '3.0.0',
    },
    doors: { 'packages/bentocache/factories/cache_factory.ts': 'bentocache.ts', 'japa.ts': 'japa.ts' },
    alias: { '@japa/runner': 'japa.ts' },
    tests: [
      'cache/one_tier_local',
      'cache/fail',
      'cache/factory_context',
      'cache/timeouts',
      'cache/stampede_protection',
      'cache/swr_concurrent',
      'expire',
      'tagging',
    ].map((name) => `packages/bentocache/tests/${name}.spec.ts`),
  },
  unstorage: {
    label: "unstorage's drivers",
    of: 'unstorage 1.17.5',
    repository: 'unjs/unstorage',
    commit: 'e2febded37759ec796e7d0233d4eb68c92423cc2',
    paths: ['test/drivers/utils.ts'],
    doors: { 'src/index.ts': 'unstorage-itself.ts', 'test/drivers/millpond.test.ts': 'unstorage.ts' },
    alias: { 'unstorage-suite': 'test/drivers/utils.ts' },
    tests: ['test/drivers/millpond.test.ts'],
  },
  ocache: {
    label: 'ocache, over our storage',
    of: 'ocache 0.3.0',
    repository: 'unjs/ocache',
    commit: 'da1c885ddb2640e69644871b228862209d0ce3c1',
    paths: ['test/index.test.ts'],
    packages: { ocache: '0.3.0' },
    doors: { 'src/index.ts': 'ocache.ts' },
    tests: ['test/index.test.ts'],
  },
  astro: {
    label: "Astro's cache provider",
    of: 'astro 7.2.4',
    repository: 'withastro/astro',
    commit: '8a31cba625a23d886614172e1d3b02b8eb896a18',
    paths: ['packages/astro/test/units/cache/memory-provider.test.ts'],
    doors: { 'packages/astro/dist/core/cache/memory-provider.js': 'astro.mjs', 'node-test.ts': 'node-test.ts' },
    alias: { 'node:test': 'node-test.ts' },
    tests: ['packages/astro/test/units/cache/memory-provider.test.ts'],
  },
  next: {
    label: "Next's handler of `'use cache'`",
    of: 'next 16.4 (canary)',
    repository: 'vercel/next.js',
    commit: '018aa969588e365318089c3c3371ccbe2490017d',
    paths: ['packages/next/src/server/lib/cache-handlers/default.test.ts'],
    doors: { 'packages/next/src/server/lib/cache-handlers/default.ts': 'next.ts' },
    tests: ['packages/next/src/server/lib/cache-handlers/default.test.ts'],
  },
  apollo: {
    label: "Apollo's `KeyValueCache`",
    of: '@apollo/utils.keyvaluecache 4.0.0',
    repository: 'apollographql/apollo-utils',
    commit: '4a0d73a680f233cfe4b06a0aeb5200e687ba3bab',
    paths: ['packages/keyValueCache/src'],
    packages: { 'ts-expect': '1.3.0' },
    doors: { 'packages/keyValueCache/src/InMemoryLRUCache.ts': 'apollo.ts', 'jest.ts': 'jest.ts' },
    tests: ['packages/keyValueCache/src/__tests__/*.test.ts'],
    setup: 'jest.ts',
  },
  'apollo-3': {
    label: 'Apollo Server 3, the suite of its caches',
    of: 'apollo-server-caching 3.3.0',
    packages: { 'apollo-server-caching': '3.3.0' },
    doors: { 'apollo.test.ts': 'apollo-3.ts' },
    tests: ['apollo.test.ts'],
  },
}
