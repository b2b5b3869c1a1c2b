// What a namespace says of its values: their codec, and which fields are kept.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type Cache, memory, type NamespaceOptions } from 'millpond'
import { jsonCodec, keyring, select, valueCodec } from 'millpond/codec'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, test } from 'vitest'
import { closeAfterEach, newFolder, onEverySetup, open } from './setups.ts'

interface User {
  readonly id: number
  readonly name: string
  readonly password: string
  readonly address: { readonly city: string; readonly street: string }
}

const ann: User = Object.freeze({ id: 1, name: 'Ann', password: 'CANARY5', address: { city: 'Ulm', street: 'A 1' } })
const shown = { id: 1, name: 'Ann', address: { city: 'Ulm' } }
const selected = select<User>({ omit: ['password', 'address.street'] })
const ring = keyring({ current: 'k1', keys: { k1: randomBytes(32) } })

onEverySetup('D2: select', (cache) => {
  const users = (): Cache => cache().namespace('users', { select: selected })

  test('the caller who loads gets what everybody gets later, from every verb', async () => {
    const space = users()
    expect(await space.getOrSet('a', () => ann)).toEqual(shown)
    expect(await space.getOrSet('a', () => ann)).toEqual(shown)
    expect(await space.refresh('b', () => ann)).toEqual(shown)
    expect((await space.getOrSetEntry('c', async () => ann)).value).toEqual(shown)
    await space.set('d', ann)
    await space.setMany([['e', ann]])
    expect(await space.getMany(['a', 'b', 'c', 'd', 'e'])).toEqual([shown, shown, shown, shown, shown])
    expect(ann.password).toBe('CANARY5')
  })

  test('a value that is not stored is selected, too', async () => {
    expect(await users().getOrSet('a', () => ann, { ttl: 0 })).toEqual(shown)
  })

  test('one that throws fails the call, and the key is free', async () => {
    let isBad = true
    const space = cache().namespace('odd', {
      select: (value) => {
        if (isBad) throw new Error('not that one')
        return value
      },
    })
    await expect(space.getOrSet('a', () => ann)).rejects.toThrow('not that one')
    await expect(space.set('a', ann)).rejects.toThrow('not that one')
    isBad = false
    expect(await space.getOrSet('a', () => ann)).toEqual(ann)
  })
})

describe('a namespace', () => {
  closeAfterEach()

  test('may be encrypted alone, and its part of the restart file with it', async () => {
    const folder = newFolder()
    const path = join(folder, 'cache.db')
    const start = (): { plain: Cache; secret: Cache } => {
      const plain = open({ tiers: [memory(), sqlite({ path })], restart: { path: join(folder, 'hot') } })
      return { plain, secret: plain.namespace('secret', { codec: { encrypt: ring } }) }
    }
    const first = start()
    await first.plain.set('k', 'open')
    await first.secret.set('k', 'hidden')
    expect(await first.plain.getEntry('k')).toMatchObject({ value: 'open' })
    await first.plain.close()
    const next = start()
    await next.plain.ready()
    expect([next.plain.peek('k'), next.secret.peek('k')]).toEqual(['open', 'hidden'])
    const raw = sqlite({ path })
    for (const [cache, isPlain] of [
      [next.plain, true],
      [next.secret, false],
    ] as const) {
      const { storageKey } = await cache.explain('k')
      const body = Buffer.from((await raw.read([storageKey]))[0]?.body ?? [])
      expect(body.includes(isPlain ? 'open' : 'hidden')).toBe(isPlain)
    }
    await raw.close()
  })

  test('says its codec and selection once: the same again, or nothing', () => {
    const cache = open()
    const options = (): NamespaceOptions => ({
      ttl: '1h',
      codec: { encrypt: ring, compress: 'auto' },
      select: selected,
    })
    const users = cache.namespace('users', options())
    expect(cache.namespace('users')).toBe(users)
    expect(cache.namespace('users', options())).toBe(users)
    for (const other of [{ codec: jsonCodec() }, { codec: { encrypt: ring } }, { select: select({ pick: ['id'] }) }])
      expect(() => cache.namespace('users', { ...options(), ...other })).toThrow(/open with another codec or select/)
    expect(() => cache.namespace('users', { ttl: '1h' })).toThrow(/open with another codec or select/)
    expect(() => cache.namespace('users', { ...options(), ttl: '2h' })).toThrow(/open with other settings/)
  })

  test.each<[unknown, RegExp]>([
    [{ select: { pick: ['id'] } }, /select: .* is not allowed: give a function such as select/],
    [{ codec: 'aes' }, /codec: "aes" is not a codec/],
    [{ codecs: jsonCodec() }, /unknown option "namespace.codecs": did you mean "codec"/],
    [null, /namespace: null is not allowed: give an object/],
  ])('refuses what is neither: %j', (options, message) => {
    expect(() => open().namespace('n', options as NamespaceOptions)).toThrow(message)
  })

  test('that is to be encrypted does not open over a tier that would write it in plain', () => {
    const path = join(newFolder(), 'cache.db')
    const cache = open({ tiers: [{ use: sqlite({ path }), name: 'disk', codec: valueCodec() }] })
    expect(() => cache.namespace('n', { codec: { encrypt: ring } })).toThrow(
      /"n" is to be encrypted, but the tier "disk" has its own codec/,
    )
    const sealed = open({ tiers: [{ use: sqlite({ path }), codec: { encrypt: ring } }] })
    expect(() => sealed.namespace('n', { codec: { encrypt: ring } })).not.toThrow()
  })

  test('D2: the names of fields are checked where the type of the value is known', () => {
    select<User>({ pick: ['id', 'address.city', ['address', 'street']] })
    select<readonly User[]>({ omit: ['address'] })
    // @ts-expect-error there is no such field
    select<User>({ pick: ['nam'] })
    // @ts-expect-error there is no such field of a field
    select<User>({ omit: ['address.zip'] })
    expect(select({ pick: ['anything'] })({ anything: 1, more: 2 })).toEqual({ anything: 1 })
  })
})
