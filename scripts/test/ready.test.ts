// What has to be so before a release: metadata, what comes along, and the report of what can be imported.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { apiReport, wordless } from '../api.mjs'
import { judgedByList, judgedByRegistry } from '../audit.mjs'
import { root } from '../prepare.mjs'
import { faultsOf } from '../ready.mjs'
import { broughtAlong, sbomOf } from '../sbom.mjs'

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
      homepage: 'https://example.com',
      bugs: 'https://example.com/issues',
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
    bugs: undefined,
    scripts: { postinstall: 'x' },
  })
  expect(faultsOf([whole('a'), wrong], '# Changes\n\n## Unreleased\n')).toEqual([
    'b/package.json: has the version 1.1.0, and others have 1.2.0: they are released together',
    'b/package.json: asks for a 1.1.0, which is 1.2.0 here',
    expect.stringContaining('publishConfig'),
    expect.stringContaining('repository'),
    'b/package.json: has no bugs',
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
  expect(bom.components[0]).toMatchObject({
    hashes: [{ alg: 'SHA-512', content: Buffer.from('hash').toString('hex') }],
  })
  expect(bom.dependencies[1]).toEqual({ ref: 'pkg:npm/b@1.1.0', dependsOn: ['pkg:npm/c@1.0.1'] })
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const control = sbomOf(packages, 'packages/control', '@millpond/control')
  expect(control.metadata.component.purl).toBe('pkg:npm/%40millpond/control@0.1.0')
  expect(control.components.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['millpond', 'hono', 'kysely', 'libsql', 'zod']),
  )
})

it('reports what can be imported once, without its words', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-api-'))
  const [first, second] = [join(folder, 'a.d.ts'), join(folder, 'b.d.ts')]
  writeFileSync(
    first,
    '/** Words. */\nexport interface Options {\n  /** More. */\n  readonly ttl?: number | undefined\n}\nexport declare const limit: number\n',
  )
  writeFileSync(
    second,
    "export type { Options } from './a.js'\nexport declare function make(options: import('./a.js').Options): void\n",
  )
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

const declared = (text: string): { file: string; remove: () => void } => {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-api-'))
  const file = join(folder, 'a.d.ts')
  writeFileSync(file, text)
  return { file, remove: () => rmSync(folder, { recursive: true }) }
}

it('reports what exported types are made of, though it cannot be imported by name, and not what makes a class', () => {
  const { file, remove } = declared(`interface Far { readonly deep: Deeper }
type Deeper = 'one' | 'two'
interface Inner { readonly secret: number }
export declare class Made { constructor(inner: Inner); far(): Far }
export {}
`)
  const report = apiReport([{ subpath: 'p', file }])
  remove()
  expect(report).toMatch(
    /## What these are made of\n\ninterface Far \{\n {4}readonly deep: Deeper;\n\}\n\ntype Deeper = 'one' \| 'two';\n$/,
  )
})

it('names what is public and has no words', () => {
  const { file, remove } = declared(`/** Words. */
export interface PoolOptions {
  /** Words. */
  readonly size: number
  readonly name: string
}
/** @throws Error, which are no words about the function */
export declare function open(): void
export interface Pool {
  readonly kind: 'pool'
  readonly open: boolean
  close(): void
}
/** Words. */
export declare const limit: number
`)
  const behind = wordless([{ subpath: 'p/b', file }])
  const front = wordless([{ subpath: 'millpond', file }])
  const room = wordless([{ subpath: 'millpond/jobs', file }])
  remove()
  // Members of every type, other than constants; at the front door types, too.
  for (const one of [behind, room]) expect(one.sort()).toEqual(['Pool.close', 'Pool.open', 'PoolOptions.name', 'open'])
  expect(front.sort()).toEqual(['Pool', 'Pool.close', 'Pool.open', 'PoolOptions.name', 'open'])
})

it('fails for what the registry says of a package that users get, and tells what it says of others', () => {
  const packages = broughtAlong()
  const weakness = (severity: string, name: string) => ({ severity, range: '*', nodes: [`node_modules/${name}`] })
  const said = {
    hono: weakness('high', 'hono'),
    mime: weakness('moderate', 'mime'),
    ocache: weakness('critical', 'ocache'),
  }
  expect(judgedByRegistry(said, packages)).toEqual({
    fault: ['high: hono *'],
    note: ['moderate: mime *', 'critical: ocache *, which no user gets'],
  })
  expect(judgedByRegistry(said).fault).toEqual(['high: hono *', 'critical: ocache *'])
  // Another one of its name, which something else has brought.
  expect(
    judgedByRegistry({ hono: { ...weakness('high', 'hono'), nodes: ['node_modules/a/node_modules/hono'] } }, packages)
      .fault,
  ).toEqual([])
})

describe('the list of advisories, where the registry gives no answer', () => {
  const read = '2031-05-01'
  const known = {
    read,
    packages: ['a', '@b/*'],
    advisories: [
      { id: 'X-1', package: 'a', severity: 'high', vulnerable: ['<6.24.0', '>=7.0.0 <7.24.0'] },
      { id: 'X-2', package: 'a', severity: 'moderate', vulnerable: ['=8.1.0'] },
    ],
  }
  const judge = (name: string, version: string, days = 1) =>
    judgedByList(known, [{ name, version }], Date.parse(read) + days * 86_400_000)

  it.each([
    ['6.23.9', 1],
    ['6.24.0', 0],
    ['7.0.0', 1],
    ['7.9.9', 1],
    ['7.23.10', 1],
    ['7.24.0', 0],
    ['10.0.0', 0],
    ['7.23.9-beta.1', 1],
  ])('knows whether %s is in a range', (version, faults) => {
    expect(judge('a', version).fault.length).toBe(faults)
  })

  it('tells what is not severe and does not fail for it', () => {
    expect(judge('a', '8.1.0')).toEqual({ fault: [], note: ['moderate: a 8.1.0: X-2'] })
  })

  it('fails for a package that the list does not cover', () => {
    expect(judge('@b/c', '1.0.0').fault).toEqual([])
    expect(judge('d', '1.0.0').fault).toEqual([expect.stringContaining('d 1.0.0 is not in scripts/advisories.json')])
  })

  it('fails when it is old, or has no day', () => {
    expect(judge('a', '9.0.0', 180).fault).toEqual([])
    expect(judge('a', '9.0.0', 181).fault).toEqual([expect.stringContaining('of 2031-05-01, 181 days ago')])
    expect(judgedByList({ ...known, read: 'lately' }, [], Date.now()).fault.length).toBe(1)
  })

  it('refuses a range that it cannot read', () => {
    const advisories = [{ id: 'X', package: 'a', severity: 'low', vulnerable: ['^1.2.3'] }]
    expect(() => judgedByList({ ...known, advisories }, [{ name: 'a', version: '1.0.0' }], 0)).toThrow(
      '"^1.2.3" is not a range',
    )
  })

  it('knows all that users get, and has ranges that can be read', () => {
    const list = JSON.parse(readFileSync(join(root, 'scripts/advisories.json'), 'utf8'))
    const packages = broughtAlong()
    expect(packages.map(({ name }) => name)).toEqual(expect.arrayContaining(['hono', 'undici', 'mime']))
    expect(judgedByList(list, packages, Date.parse(list.read)).fault).toEqual([])
  })
})
