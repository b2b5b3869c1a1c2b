// How answers are kept: compressed, selected and sealed, and never different from what they would be without.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readSettings } from '../../src/settings.ts'
import { StartError } from '../../src/start-error.ts'
import { SMALL, startSubject } from '../service-under-test.ts'

const MANAGER = { userId: 2, organizationId: 1 }
const PATHS = [
  '/api/cached/organizations/1/info/',
  '/api/cached/organizations/1/roles/',
  '/api/cached/organizations/1/statistics/?days=30',
  '/api/cached/analytics/deal-analytics/?days=30&type=trends',
  '/api/cached/analytics/performance-metrics/',
  '/api/dashboard/overview-advanced/',
]

/** Everything that lies in the folder but the database and the keys. */
const cached = (folder: string): string =>
  readdirSync(folder)
    .filter((name) => name.startsWith('cache.sqlite'))
    .map((name) => readFileSync(join(folder, name), 'latin1'))
    .join('')

describe('D2, D3, S1: how answers are kept', () => {
  test('the options are read, and refused by name', () => {
    const cache = (args: string[], env = {}) => readSettings(args, env)?.cache
    expect(cache([])).toMatchObject({ isCompact: true, isEncrypted: false, encryptionKey: undefined })
    expect(cache(['--compact', 'off', '--encrypt'])).toMatchObject({ isCompact: false, isEncrypted: true })
    expect(cache([], { CACHE_ENCRYPTION_KEY: 'x' })).toMatchObject({ isEncrypted: true, encryptionKey: 'x' })
    expect(() => cache(['--compact', 'maybe'])).toThrow('--compact "maybe" is not understood: give on or off')
  })

  test('packed, compressed, selected and sealed, from every tier, they are the same answers with the same headers', async () => {
    const plain = await startSubject({ args: [...SMALL, '--compact', 'off'] })
    const before = await Promise.all(PATHS.map((path) => plain.get(path, MANAGER)))
    const name: string = before[0]?.json.name
    expect(name.length).toBeGreaterThan(3)
    expect((await plain.get('/api/live/')).json.values).toEqual({ compression: null, selection: null, sealed_by: null })
    await plain.stop()
    expect(cached(plain.folder)).toContain(name)

    const subject = await startSubject({ args: [...SMALL, '--encrypt'] })
    for (const [at, path] of PATHS.entries())
      for (let round = 0; round < 2; round++) {
        const answer = await subject.get(path, MANAGER)
        expect(answer.text).toBe(before[at]?.text)
        for (const header of ['etag', 'data-version', 'surrogate-key', 'cache-control'])
          expect(answer.headers.get(header)).toBe(before[at]?.headers.get(header))
      }
    const { values } = (await subject.get('/api/live/')).json
    expect(values).toMatchObject({ sealed_by: 'k1', selection: { values: PATHS.length } })
    expect(values.selection.bytes).toBeGreaterThan(0)
    expect(values.compression.compressed).toBeGreaterThan(0)
    expect(values.compression.bytes_out).toBeLessThan(values.compression.bytes_in)
    await subject.stop()
    expect(cached(subject.folder).length).toBeGreaterThan(1000)
    expect(cached(subject.folder)).not.toContain(name)
    if (process.platform !== 'win32') expect(statSync(join(subject.folder, 'cache-keys.json')).mode & 0o777).toBe(0o600)

    const again = await startSubject({ folder: subject.folder, args: [...SMALL, '--encrypt'] })
    const answer = await again.get(PATHS[2] ?? '', MANAGER)
    expect(answer.headers.get('cache-status')).toContain('deals-response; hit')
    expect(answer.headers.get('cache-status')).toContain('detail=sqlite')
    expect(answer.text).toBe(before[2]?.text)
    await again.stop()
  })

  test('a key that is not one is said in one line, and does not show the key', async () => {
    const problem = await startSubject({ env: { CACHE_ENCRYPTION_KEY: 'too-short' } }).catch((error: unknown) => error)
    expect(problem).toBeInstanceOf(StartError)
    expect(String(problem)).toMatch(/32 bytes/)
    expect(String(problem)).not.toContain('too-short')
  })
})
