// What a release is called, and what it writes.
import { expect, test } from 'vitest'
import { nextVersion, raised, sizeOf, tagFault, withSection, withVersion } from '../release.mjs'

const NAMES = ['millpond', '@millpond/control']

test.each([
  ['---\n"millpond": patch\n---\n\nWords.\n', 'patch'],
  ['---\r\n\'millpond\': patch\r\n"@millpond/control": minor\r\n---\r\n\r\nWords.\r\n', 'minor'],
  ['---\nmillpond: major\n---\nWords', 'major'],
])('a changeset %j is %s', (text, size) => {
  expect(sizeOf('a.md', text, NAMES)).toBe(size)
})

test.each([
  ['no head', /begin it with/],
  ['---\n"millpond": patch\n---\n\n', /say below/],
  ['---\n---\nWords', /name a package/],
  ['---\n"@millpond/other": patch\n---\nWords', /names no package: there are millpond, @millpond\/control/],
  ['---\n"millpond": huge\n---\nWords', /say patch, minor or major/],
])('a changeset %j is refused', (text, message) => {
  expect(() => sizeOf('a.md', text, NAMES)).toThrow(message)
  expect(() => sizeOf('a.md', text, NAMES)).toThrow(/\.changeset\/a\.md: /)
})

test('the largest change decides, and an unreleased version keeps its number', () => {
  const released = '# Changes\n\n## Unreleased\n\n## 0.1.0 (2031-05-01)\n'
  expect(nextVersion(released, '0.1.0', ['patch', 'minor', 'patch'])).toBe('0.2.0')
  expect(nextVersion(released, '0.1.0', [])).toBeUndefined()
  expect(nextVersion('# Changes\n\n## Unreleased\n', '0.1.0', ['major'])).toBe('0.1.0')
  expect([raised('0.9.9', 'patch'), raised('0.9.9', 'minor'), raised('0.9.9', 'major')]).toEqual([
    '0.9.10',
    '0.10.0',
    '1.0.0',
  ])
})

test('every package asks for the new version of its siblings, and for nothing else', () => {
  const text =
    '{\n  "version": "0.1.0",\n  "dependencies": { "millpond": "0.1.0", "other": "0.1.0" },\n  "peerDependencies": {\n    "@millpond/control": "0.1.0"\n  }\n}\n'
  expect(withVersion(text, NAMES, '0.1.0', '0.2.0')).toBe(
    '{\n  "version": "0.2.0",\n  "dependencies": { "millpond": "0.2.0", "other": "0.1.0" },\n  "peerDependencies": {\n    "@millpond/control": "0.2.0"\n  }\n}\n',
  )
})

test('what is unreleased gets its number and its day', () => {
  expect(withSection('# Changes\n\n## Unreleased\n\n### Added\n', '0.2.0', '2031-05-01')).toBe(
    '# Changes\n\n## Unreleased\n\n## 0.2.0 (2031-05-01)\n\n### Added\n',
  )
})

test('a tag publishes the version that it names, and no other', () => {
  const tagged = (name: string) => tagFault({ GITHUB_REF_TYPE: 'tag', GITHUB_REF_NAME: name }, '0.2.0')
  expect([
    tagged('v0.2.0'),
    tagFault({}, '0.2.0'),
    tagFault({ GITHUB_REF_TYPE: 'branch', GITHUB_REF_NAME: 'main' }, '0.2.0'),
  ]).toEqual([undefined, undefined, undefined])
  for (const name of ['v0.1.0', '0.2.0', 'v0.2.0-beta']) expect(tagged(name)).toContain(`the tag ${name} is not v0.2.0`)
})
