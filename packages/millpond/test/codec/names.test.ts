// Names that tell nothing: what is looked for in everything that a tier and its ledger hold is not there.
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { memory } from 'millpond'
import { keyedNames } from 'millpond/codec'
import { sqlite, sqliteOutbox } from 'millpond/tiers/sqlite'
import { describe, expect, test } from 'vitest'
import { closeAfterEach, newFolder, open } from '../engine/setups.ts'

const secret = randomBytes(32)

describe('keyed names', () => {
  closeAfterEach()

  test('are the same for the same secret, however it is written, and differ for everything else', () => {
    const name = keyedNames(secret)
    const names = [
      name('a'),
      name(['a']),
      name('["a"]'),
      name(['a', 1]),
      name(['a', '1']),
      name.tag('a'),
      keyedNames(randomBytes(32))('a'),
    ]
    expect(new Set(names).size).toBe(names.length)
    for (const one of names) expect(one).toMatch(/^[\w-]{43}$/)
    expect(keyedNames(secret.toString('hex'))(['a', 1])).toBe(name(['a', 1]))
  })

  test('nothing of key and tag is in the file, the ledger, the outbox or an event; and they work as all other names do', async () => {
    const folder = newFolder()
    const name = keyedNames(secret)
    const cache = open({
      tiers: [memory(), sqlite({ path: join(folder, 'cache.db') })],
      outbox: sqliteOutbox({ path: join(folder, 'outbox.db') }),
    })
    const told: string[] = []
    cache.on('set', ({ key }) => told.push(key))
    cache.on('invalidate', (detail) => told.push(JSON.stringify(detail)))
    const key = name(['user', 'ann@example.com'])
    const tag = name.tag('ann@example.com')
    await cache.set(key, 1, { tags: [tag] })
    expect(await cache.get(name(['user', 'ann@example.com']))).toBe(1)
    await cache.invalidateTags([tag])
    expect(await cache.get(key)).toBeUndefined()
    expect(await cache.getOrSet(key, () => 2, { tags: [tag] })).toBe(2)
    await cache.flush()
    expect(await cache.erase({ keys: [key] })).toMatchObject({ isProven: true })
    expect(told.length).toBeGreaterThan(0)
    const bytes = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'latin1'))
    for (const text of [...told, ...bytes]) expect(text).not.toContain('ann@example.com')
  })

  test('refuse what is no secret, no key, no tag', () => {
    expect(() => keyedNames(randomBytes(31))).toThrow(expect.objectContaining({ code: 'KEYRING_INVALID' }))
    expect(() => keyedNames('password')).toThrow(expect.objectContaining({ code: 'KEYRING_INVALID' }))
    expect(() => keyedNames(secret)('')).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }))
    expect(() => keyedNames(secret).tag('')).toThrow(expect.objectContaining({ code: 'TAG_INVALID' }))
  })
})
