// What has to be so before a release: metadata, what comes along, and the report of what can be imported.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { apiReport } from '../api.mjs'
import { root } from '../prepare.mjs'
import { faultsOf } from '../ready.mjs'
import { sbomOf } from '../sbom.mjs'

const whole = (folder: string, more: object = {}) =>
  [
    folder,
    {
      name: folder,
      version: '1.2.0',
      license: 'MIT',
      description: 'A package.',
      publishConfig: { access: 'public', provenance: true },
      repository: { url: 'https://example.com/r', directory: folder },
      ...more,
    },
  ] as const

it('says what is missing before a release', () => {
  const changes = '# Changes\n\n## 1.2.0 (2031-05-01)\n'
  expect(faultsOf([whole('a'), whole('b', { dependencies: { a: '1.2.0', other: '^3' } })], changes)).toEqual([])
  const wrong = whole('b', {
    version: '1.1.0',
    dependencies: { a: '1.1.0' },
    publishConfig: {},
    repository: {},
    scripts: { postinstall: 'x' },
  })
  expect(faultsOf([whole('a'), wrong], '# Changes\n\n## Unreleased\n')).toEqual([
    'b/package.json: has the version 1.1.0, and others have 1.2.0: they are released together',
    'b/package.json: asks for a 1.1.0, which is 1.2.0 here',
    expect.stringContaining('publishConfig'),
    expect.stringContaining('repository'),
    "b/package.json: runs postinstall at its users'",
    expect.stringContaining('CHANGELOG.md has no section "## 1.2.0'),
  ])
})

it('lists what comes along with a package, from the inside out, with hashes', () => {
  const bom = sbomOf(
    {
      'packages/a': { version: '1.0.0', license: 'MIT', dependencies: { b: '1', c: '1' } },
      'node_modules/a': { link: true, resolved: 'packages/a' },
      'packages/a/node_modules/b': {
        version: '1.1.0',
        integrity: `sha512-${Buffer.from('hash').toString('base64')}`,
        dependencies: { c: '1' },
      },
      'node_modules/b': { version: '9.0.0' },
      'node_modules/c': { version: '1.0.1' },
    },
    'packages/a',
    'a',
  )
  expect(bom.components.map(({ purl }) => purl)).toEqual(['pkg:npm/b@1.1.0', 'pkg:npm/c@1.0.1'])
  expect(bom.components[0]).toMatchObject({ hashes: [{ alg: 'SHA-512', content: Buffer.from('hash').toString('hex') }] })
  expect(bom.dependencies[1]).toEqual({ ref: 'pkg:npm/b@1.1.0', dependsOn: ['pkg:npm/c@1.0.1'] })
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const control = sbomOf(packages, 'packages/control', '@millpond/control')
  expect(control.metadata.component.purl).toBe('pkg:npm/%40millpond/control@0.1.0')
  expect(control.components.map(({ name }) => name)).toEqual(expect.arrayContaining(['millpond', 'hono', 'kysely', 'libsql', 'zod']))
})

it('reports what can be imported once, without its words', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-api-'))
  const [first, second] = [join(folder, 'a.d.ts'), join(folder, 'b.d.ts')]
  writeFileSync(
    first,
    '/** Words. */\nexport interface Options {\n  /** More. */\n  readonly ttl?: number | undefined\n}\nexport declare const limit: number\n',
  )
  writeFileSync(second, "export type { Options } from './a.js'\nexport declare function make(options: import('./a.js').Options): void\n")
  const report = apiReport([
    { subpath: 'p', file: first },
    { subpath: 'p/b', file: second },
  ])
  rmSync(folder, { recursive: true })
  expect(report).not.toContain('ords')
  expect(report).toMatch(
    /## p\n\nexport interface Options \{\n {4}readonly ttl\?: number \| undefined;\n\}\n\nexport declare const limit: number;/,
  )
  expect(report).toMatch(/## p\/b\n\nOptions = p Options\n\nexport declare function make\(/)
})
