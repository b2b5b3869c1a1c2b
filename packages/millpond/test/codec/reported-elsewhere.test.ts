// Faults that users of other libraries have reported of encryption, rotation and key stores, tried here. Each names the
// report that it was learnt from.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { memory } from 'millpond'
import { keyring, memoryKeyStore, newWrappedKey, tenantKeyring, valueCodec } from 'millpond/codec'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, test } from 'vitest'
import type { Rejection } from '../../src/core/contracts.ts'
import { closeAfterEach, newFolder, open } from '../engine/setups.ts'
import { countedStore } from './counted-store.ts'

const [k1, k2, k3] = [randomBytes(32), randomBytes(32), randomBytes(32)]
const place = { cache: 'c', namespace: 'n', asOf: { epoch: 'e', seq: 1 } }
const partsOf = (value: unknown) => ({ key: 'k', value, createdAt: 1, freshUntil: 2, staleUntil: 3, tags: [] })
const tenantPlace = (tenant: string) => ({ ...place, namespace: `n~${tenant}` })

describe('encryption, as reported of other libraries', () => {
  closeAfterEach()

  test('what no key opens is never handed to the format beneath: a forged plain payload is a miss (symfony 65684)', async () => {
    const path = join(newFolder(), 'cache.db')
    const plain = open({ tiers: [sqlite({ path })] })
    await plain.set('k', { isAdmin: true })
    const cache = open({ tiers: [sqlite({ path })], codec: { encrypt: keyring({ current: 'k2', keys: { k2 } }) } })
    const why: Rejection[] = []
    cache.on('rejected', (one) => why.push(one.why))
    expect(await cache.get('k')).toBeUndefined()
    expect(why).toEqual(['unsealed'])
  })

  test.each([null, '', 0, false, {}, [], Buffer.alloc(0), new Map()])(
    'the empty value %o of a former key is read after a rotation (rails 45263, decidim 7547, vault-rails 14)',
    async (value) => {
      const ring = keyring({ current: 'k1', keys: { k1 } })
      const codec = valueCodec({ encrypt: ring })
      const sealed = await codec.encode(partsOf(value), place)
      ring.replace({ current: 'k2', keys: { k1, k2 } })
      expect(await codec.decode(sealed, place)).toMatchObject({ value, isOldKey: true })
    },
  )

  test('each of several former keys reads, also where plain values are still permitted (rails 42044)', async () => {
    const made = await Promise.all(
      Object.entries({ k1, k2, k3 }).map(([id, key]) =>
        valueCodec({ encrypt: keyring({ current: id, keys: { [id]: key } }) }).encode(partsOf(id), place),
      ),
    )
    for (const readsPlain of [true, false]) {
      const codec = valueCodec({ encrypt: keyring({ current: 'k3', keys: { k1, k2, k3 } }), readsPlain })
      for (const [at, id] of ['k1', 'k2', 'k3'].entries())
        expect(await codec.decode(made[at] ?? new Uint8Array(), place)).toMatchObject({
          value: id,
          isOldKey: id !== 'k3',
        })
    }
  })

  test('a key is the same however it is written: bytes, hexadecimal, base64, base64url (django-cryptography 81, 87)', async () => {
    const forms = [
      k1,
      Uint8Array.from(k1),
      k1.toString('hex'),
      k1.toString('hex').toUpperCase(),
      k1.toString('base64'),
      k1.toString('base64url'),
    ]
    const codecs = forms.map((form) => valueCodec({ encrypt: keyring({ current: 'k1', keys: { k1: form } }) }))
    for (const codec of codecs) {
      const sealed = await codec.encode(partsOf('v'), place)
      for (const other of codecs) expect(await other.decode(sealed, place)).toMatchObject({ value: 'v' })
    }
  })

  test('after a rotation the next record is of the new key, whatever is cached (kroxylicious 4772)', async () => {
    const ring = keyring({ current: 'k1', keys: { k1, k2 } })
    const codec = valueCodec({ encrypt: ring })
    const isOld = async () => (await codec.decode(await codec.encode(partsOf(1), place), place))?.isOldKey
    expect(await isOld()).toBe(false)
    ring.replace({ current: 'k2', keys: { k1, k2 } })
    const sealed = await codec.encode(partsOf(1), place)
    ring.replace({ current: 'k2', keys: { k2 } })
    expect(await codec.decode(sealed, place)).toMatchObject({ value: 1, isOldKey: false })
  })

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['no bytes', new Uint8Array()],
    ['a text', 'wrapped'],
  ])(
    'a key service that answers a new key with %s is refused at once, not when the key is needed (tink-go 7)',
    async (_what, answer) => {
      await expect(newWrappedKey({ wrap: async () => answer as Uint8Array })).rejects.toMatchObject({
        code: 'KEYRING_UNREACHABLE',
        message: expect.stringContaining('not a wrapped key'),
      })
    },
  )

  test('a thousand records of a tenant ask the key store once (aws-encryption-sdk-javascript 421, aws-encryption-sdk-python 5)', async () => {
    const store = countedStore()
    const codec = tenantKeyring({ ring: keyring({ current: 'k1', keys: { k1 } }), store }).codec({})
    await Promise.all(Array.from({ length: 50 }, () => codec.encode(partsOf(1), tenantPlace('acme'))))
    const before = store.asked
    for (let turn = 0; turn < 1000; turn++)
      expect(codec.encode(partsOf(turn), tenantPlace('acme'))).toBeInstanceOf(Uint8Array)
    expect([before <= 100, store.asked]).toEqual([true, before])
  })

  test('more tenants than are held at a time: the bound holds, and who was let go is read again (aws-encryption-sdk-python 739, specification 116)', async () => {
    const codec = tenantKeyring({ ring: keyring({ current: 'k1', keys: { k1 } }), store: memoryKeyStore() }).codec({})
    const first = await codec.encode(partsOf('first'), tenantPlace('t0'))
    for (let from = 1; from < 10_200; from += 200)
      await Promise.all(Array.from({ length: 200 }, (_, at) => codec.encode(partsOf(at), tenantPlace(`t${from + at}`))))
    // Its key is asked for again, and its nonces are those of another salt.
    const answer = codec.decode(first, tenantPlace('t0'))
    expect(answer).toBeInstanceOf(Promise)
    expect(await answer).toMatchObject({ value: 'first' })
    const again = await codec.encode(partsOf('again'), tenantPlace('t0'))
    expect(Buffer.from(again).equals(Buffer.from(first))).toBe(false)
    expect(await codec.decode(again, tenantPlace('t0'))).toMatchObject({ value: 'again' })
  })

  test('a key that was destroyed is not brought back by the cache of a reader (posthog 43777)', async () => {
    const store = memoryKeyStore()
    const of = () => tenantKeyring({ ring: keyring({ current: 'k1', keys: { k1 } }), store })
    const path = join(newFolder(), 'cache.db')
    const keys = of()
    const [a, b] = [of(), keys].map((encrypt) =>
      open({ tiers: [memory(), sqlite({ path })], codec: { encrypt } }).for({ tenant: 'acme' }),
    )
    await a?.set('k', 'v')
    expect(await b?.get('k')).toBe('v')
    await a?.erase({ tenant: 'acme' })
    expect(await b?.get('k')).toBeUndefined()
    await expect(keys.rotate('acme')).rejects.toMatchObject({ code: 'KEY_SHREDDED' })
  })

  test('re-encryption that meets what it cannot read says so, goes on, and marks nothing as done (navigator.business.nj.gov 12928)', async () => {
    const path = join(newFolder(), 'cache.db')
    const ring = keyring({ current: 'k1', keys: { k1 } })
    const cache = open({ tiers: [sqlite({ path })], codec: { encrypt: ring } })
    await cache.set('a', 1)
    ring.replace({ current: 'k2', keys: { k1, k2 } })
    await cache.set('b', 2)
    ring.replace({ current: 'k3', keys: { k2, k3 } })
    expect(await cache.reseal()).toMatchObject({ seen: 2, resealed: 1, unreadable: 1 })
    ring.replace({ current: 'k3', keys: { k1, k2, k3 } })
    expect(await cache.reseal()).toMatchObject({ seen: 2, resealed: 1, unreadable: 0 })
    ring.replace({ current: 'k3', keys: { k3 } })
    expect(await cache.getMany(['a', 'b'])).toEqual([1, 2])
  })
})
