// What the house checks say, and that they can say no.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lockFaults, longComments, machinePaths, registryPatterns, telltales } from '../check-house.mjs'
import { root } from '../prepare.mjs'
import { ownsLibrary } from '../servers.mjs'

describe('telltales', () => {
  // Put together here, so that the check of the files does not find this one.
  const path = (...parts: string[]): string => ['', ...parts].join('/')
  const patterns = machinePaths(path('srv', 'ada', 'millpond'), path('home', 'ada'))

  test.each([
    ['the checkout', `see ${path('srv', 'ada', 'millpond', 'README.md')}`],
    ['its neighbour', `data in ${path('srv', 'ada', 'traces')}`],
    ['the own home', `"${path('home', 'ada')}"`],
    ['another home', path('home', 'bob', 'x')],
    ['a home on a Mac', path('Users', 'bob', 'x')],
    ['the home of root', path('root', '.npmrc')],
    ['the folder for temporary files', `writeFile('${path('tmp', 'x')}')`],
  ])('are found: %s', (_, line) => {
    expect(telltales(`fine\n${line}`, patterns)).toEqual([expect.stringMatching(/^2: /)])
  })

  test.each(['GET /users/42/', 'a/home/page/', './tmp/x', `https://example.org${path('tmp', 'x')}`, '/srv/www'])(
    'are not seen in %s',
    (line) => {
      expect(telltales(line, patterns)).toEqual([])
    },
  )

  test('a checkout in a folder of a plain name is not a fault', () => {
    expect(telltales('COPY . /app\nimport x from "/src/x"', machinePaths('/app', '/root'))).toEqual([])
  })
})

test('comments are at most 120 columns wide, and code is the formatter’s business', () => {
  const wide = (start: string): string => start.padEnd(121, 'x')
  const found = longComments(['// short', wide('  // '), wide(' * '), wide('/** '), wide("const a = '")].join('\n'))
  expect(found.map((line) => line.split(':')[0])).toEqual(['2', '3', '4'])
  expect(longComments('// '.padEnd(120, 'x'))).toEqual([])
})

test('a line is not made wider than 120 columns by a comment at its end, which is not one in a literal', () => {
  const filled = (start: string, end: string): string => start + 'x'.repeat(121 - start.length - end.length) + end
  const wide = [
    filled("call('a', ", ') // why'),
    filled('const a = `', '` // why'),
    filled("const a = 'see // ", "'"),
    filled('const a = "https://', '"'),
    filled('const a = /a // ', '/g'),
  ]
  expect(longComments(wide.join('\n')).map((line) => line.split(':')[0])).toEqual(['1', '2'])
  expect(longComments(`${"call('a')".padEnd(113, ' ')} // why`)).toEqual([])
})

test('a checkout right below the root, or its neighbour there, is told by what lies in it', () => {
  const list = (folder: string) => (folder === '/github' ? ['workspace', 'traces'] : ['packages'])
  const short = [...machinePaths('/api', '/root', list), ...machinePaths('/github/workspace', '/root', list)]
  expect(telltales('GET /api/users\nhttps://github.com/a and https://x.org/github/b', short)).toEqual([])
  expect(telltales('/api/packages/a\n/github/traces\n/github/workspace/x', short)).toHaveLength(3)
})

test('the host of a registry is told where it is one that only some have', () => {
  const line =
    'npm, localhost, 127.0.0.1:8080, https://registry.npmjs.org/, http://npm.example.org:4873/a, http://proxy:4873/a'
  const found = (url: string): number => telltales(line, registryPatterns(url)).length
  expect(['http://npm.example.org:4873/', 'http://proxy:4873/'].map(found)).toEqual([1, 1])
  expect(
    ['http://npm/', 'http://localhost/', 'http://127.0.0.1:8080', 'https://registry.npmjs.org/', 'nothing'].map(found),
  ).toEqual([0, 0, 0, 0, 0])
})

describe('lockFaults', () => {
  const lock = (packages: Parameters<typeof lockFaults>[0]['packages']): string[] => lockFaults({ packages })

  test('finds the address of a registry', () => {
    expect(lock({ 'node_modules/a': { version: '1.0.0', resolved: 'https://npm.example.org/a.tgz' } })).toEqual([
      'node_modules/a names npm.example.org',
    ])
    expect(lock({ 'node_modules/a': { version: '1.0.0', resolved: 'packages/a' } })).toEqual([])
  })

  test('finds an optional package that was left out, wherever Node would look for it', () => {
    const a = { version: '1.0.0', optionalDependencies: { b: '1.0.0' } }
    expect(lock({ 'node_modules/x/node_modules/a': a })).toEqual(['node_modules/x/node_modules/a lacks its optional b'])
    expect(lock({ 'node_modules/x/node_modules/a': a, 'node_modules/b': {} })).toEqual([])
    expect(lock({ 'node_modules/x/node_modules/a': a, 'node_modules/x/node_modules/b': {} })).toEqual([])
    expect(lock({ 'node_modules/x/node_modules/a': a, 'node_modules/x/node_modules/a/node_modules/b': {} })).toEqual([])
    expect(lock({ 'node_modules/x/node_modules/a': a, 'node_modules/y/node_modules/b': {} })).toHaveLength(1)
  })

  test('finds none in ours', () => {
    expect(lockFaults(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')))).toEqual([])
  })
})

describe('ownsLibrary', () => {
  test.each([
    ['libevent-2.1-7', 'libevent-2.1.so.7'],
    ['liblzf1', 'liblzf.so.1'],
    ['libssl3', 'libcrypto.so.3'],
    ['libssl3t64', 'libssl.so.3'],
    ['libxml2', 'libxml2.so.2'],
    ['libicu72', 'libicui18n.so.72'],
    ['libsasl2-2', 'libsasl2.so.2'],
    ['libgssapi-krb5-2', 'libgssapi_krb5.so.2'],
  ])('%s has %s', (owner, library) => {
    expect(ownsLibrary(owner, library)).toBe(true)
  })

  test.each([
    ['libssl1.1', 'libssl.so.3'],
    ['libevent-core-2.1-7', 'libevent-2.1.so.7'],
    ['libc6', 'libcap.so.2'],
    ['libx', ''],
  ])('%s does not have %s', (owner, library) => {
    expect(ownsLibrary(owner, library)).toBe(false)
  })
})
