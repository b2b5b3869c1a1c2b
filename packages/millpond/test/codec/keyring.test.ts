// Key rings: what is not one is refused at once, by a typed error that shows no key.
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, describe, expect, test, vi } from 'vitest'
import {
  environmentKeyring,
  fileKeyring,
  type KeyringOptions,
  keyring,
  newWrappedKey,
  wrappedKeyring,
} from '../../src/codec/index.ts'

const k1 = randomBytes(32)
const k2 = randomBytes(32)
const folder = mkdtempSync(join(tmpdir(), 'millpond-keys-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The error's code and message; the message holds nothing of a key. */
function refusal(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    for (const key of [k1, k2])
      for (const form of ['hex', 'base64', 'latin1'] as const)
        expect(message).not.toContain(key.toString(form).slice(0, 12))
    return `${code} ${message}`
  }
  throw new Error('nothing was refused')
}

describe('a key ring', () => {
  test('knows its keys by id, of bytes, hexadecimal and base64, in an object, a Map and a list of pairs', () => {
    const forms: KeyringOptions['keys'][] = [
      { k1, k2: k2.toString('hex') },
      new Map<string, Uint8Array | string>([
        ['k1', new Uint8Array(k1)],
        ['k2', k2.toString('base64')],
      ]),
      [
        ['k1', k1],
        ['k2', k2.toString('base64url')],
      ],
    ]
    for (const keys of forms) {
      const ring = keyring({ current: 'k2', keys })
      expect(ring.current).toBe('k2')
      expect(ring.ids).toEqual(['k1', 'k2'])
      expect([Buffer.from(ring.key('k1') ?? []), Buffer.from(ring.key('k2') ?? []), ring.key('k3')]).toEqual([
        k1,
        k2,
        undefined,
      ])
    }
  })

  test.each<[string, unknown, RegExp]>([
    ['no current key', { keys: { k1 } }, /not \{ current, keys \}/],
    ['a current key that is not there', { current: 'k3', keys: { k1 } }, /the current key is "k3".*there are k1/],
    ['no keys', { current: 'k1', keys: {} }, /it has none/],
    ['a key of 31 bytes', { current: 'k1', keys: { k1: k1.subarray(1) } }, /"k1" has 31 bytes: give 32/],
    ['a key of 33 bytes', { current: 'k1', keys: { k1: Buffer.concat([k1, Buffer.alloc(1)]) } }, /"k1" has 33 bytes/],
    ['a password', { current: 'k1', keys: { k1: k1.toString('hex').slice(1) } }, /"k1" is not bytes/],
    ['a number', { current: 'k1', keys: { k1: 7 } }, /"k1" is not bytes/],
    [
      'two of one id',
      {
        current: 'k1',
        keys: [
          ['k1', k1],
          ['k1', k2],
        ],
      },
      /two keys have the id "k1"/,
    ],
    [
      'one key under two ids',
      { current: 'k1', keys: { k1, k2: new Uint8Array(k1) } },
      /"k1" and "k2" are the same key/,
    ],
    ['an id with a comma', { current: 'a,b', keys: { 'a,b': k1 } }, /the id of a key is "a,b"/],
    ['an unknown option', { current: 'k1', keys: { k1 }, key: k1 }, /unknown option "key": did you mean "keys"/],
    ['bytes in place of keys', { current: 'k1', keys: k1 }, /its keys are plain bytes/],
    ['pairs that are none', { current: 'k1', keys: [k1] }, /not pairs/],
    ['nothing', undefined, /not \{ current, keys \}/],
  ])('refuses %s', (_what, options, message) => {
    const text = refusal(() => keyring(options as KeyringOptions))
    expect(text).toMatch(/^KEYRING_INVALID/)
    expect(text).toMatch(message)
  })

  test('S6: shows no key when it is logged, and does not follow who overwrites the bytes that it was given', () => {
    const given = Buffer.from(k1)
    const ring = keyring({ current: 'k1', keys: { k1: given } })
    given.fill(0)
    expect(Buffer.from(ring.key('k1') ?? [])).toEqual(k1)
    const shown = `${JSON.stringify({ ring })} ${inspect(ring, { depth: 9, showHidden: true })}`
    for (const form of ['hex', 'base64', 'latin1'] as const) expect(shown).not.toContain(k1.toString(form).slice(0, 8))
    expect(JSON.stringify(ring)).toBe('{"current":"k1","ids":["k1"]}')
  })

  test('a next key takes over at its time, in one step', () => {
    vi.useFakeTimers({ now: 1_000_000, toFake: ['Date'] })
    try {
      const ring = keyring({ current: 'k1', keys: { k1, k2 }, next: { id: 'k2', activeFrom: new Date(1_060_000) } })
      expect(ring.current).toBe('k1')
      vi.setSystemTime(1_059_999)
      expect(ring.current).toBe('k1')
      vi.setSystemTime(1_060_000)
      expect([ring.current, JSON.parse(JSON.stringify(ring)).current]).toEqual(['k2', 'k2'])
      // A clock that is set back does not bring the former one back: some have sealed with the new one.
      vi.setSystemTime(1_000_000)
      expect(ring.current).toBe('k2')
    } finally {
      vi.useRealTimers()
    }
    expect(refusal(() => keyring({ current: 'k1', keys: { k1 }, next: { id: 'k2', activeFrom: 0 } }))).toMatch(
      /the next key is "k2"/,
    )
    expect(refusal(() => keyring({ current: 'k1', keys: { k1, k2 }, next: { id: 'k2', activeFrom: 'soon' } }))).toMatch(
      /not a time/,
    )
  })

  test('is replaced as a whole or not at all', () => {
    const ring = keyring({ current: 'k1', keys: { k1 } })
    expect(refusal(() => ring.replace({ current: 'k2', keys: { k1 } }))).toMatch(/current key is "k2"/)
    expect(ring.current).toBe('k1')
    ring.replace({ current: 'k2', keys: { k1, k2 } })
    expect([ring.current, ring.ids]).toEqual(['k2', ['k1', 'k2']])
  })
})

describe('a key file', () => {
  const path = join(folder, 'keys.json')
  const write = (content: unknown, mode = 0o600): string => {
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
    chmodSync(path, mode)
    return path
  }
  const text = (key: Buffer): string => key.toString('base64')

  test('is read, and read again', () => {
    const ring = fileKeyring(write({ current: 'k1', keys: [{ id: 'k1', key: text(k1) }] }))
    expect(ring.ids).toEqual(['k1'])
    write({
      current: 'k1',
      keys: [
        { id: 'k1', key: text(k1) },
        { id: 'k2', key: text(k2) },
      ],
    })
    ring.reload()
    expect([ring.current, ring.ids]).toEqual(['k1', ['k1', 'k2']])
    write({
      current: 'k1',
      keys: [
        { id: 'k1', key: text(k1) },
        { id: 'k2', key: text(k2) },
      ],
      next: { id: 'k2', activeFrom: '2020-01-01T00:00:00Z' },
    })
    ring.reload()
    expect(ring.current).toBe('k2')
    write('{')
    expect(refusal(() => ring.reload())).toMatch(/not JSON/)
    expect(ring.ids).toEqual(['k1', 'k2'])
  })

  test.each<[string, unknown, number, RegExp]>([
    [
      'that others may read',
      { current: 'k1', keys: [{ id: 'k1', key: text(k1) }] },
      0o644,
      /^KEYRING_INVALID.*mode 644.*chmod 600/,
    ],
    [
      'that its group may write',
      { current: 'k1', keys: [{ id: 'k1', key: text(k1) }] },
      0o620,
      /^KEYRING_INVALID.*mode 620/,
    ],
    ['that is cut', `{"keys":[{"id":"k1","key":"${text(k1)}"`, 0o600, /^KEYRING_INVALID.*not JSON/],
    ['without keys', { current: 'k1' }, 0o600, /^KEYRING_INVALID/],
    [
      'with two of one id',
      {
        current: 'k1',
        keys: [
          { id: 'k1', key: text(k1) },
          { id: 'k1', key: text(k2) },
        ],
      },
      0o600,
      /two keys have the id/,
    ],
    ['with a key that is not one', { current: 'k1', keys: [text(k1)] }, 0o600, /one of its keys is not/],
  ])('is refused %s', (_what, content, mode, message) => {
    expect(refusal(() => fileKeyring(write(content, mode)))).toMatch(message)
  })

  test('that is not there is another matter than one that is wrong', () => {
    expect(refusal(() => fileKeyring(join(folder, 'none')))).toMatch(/^KEYRING_UNREACHABLE.*ENOENT/)
  })
})

describe('a ring of the environment', () => {
  test('names its keys, the first one current, or is one key whose id follows from it', () => {
    const pairs = environmentKeyring('KEYS', { KEYS: ` k2:${k2.toString('base64')}, k1:${k1.toString('hex')} ` })
    expect([pairs.current, pairs.ids]).toEqual(['k2', ['k2', 'k1']])
    const alone = environmentKeyring('CACHE_ENCRYPTION_KEY', { CACHE_ENCRYPTION_KEY: k1.toString('base64') })
    const hex = environmentKeyring('CACHE_ENCRYPTION_KEY', { CACHE_ENCRYPTION_KEY: k1.toString('hex') })
    expect(alone.current).toMatch(/^[0-9a-f]{12}$/)
    expect(hex.current).toBe(alone.current)
  })

  test('that is not set, or not keys, is refused', () => {
    expect(refusal(() => environmentKeyring('CACHE_ENCRYPTION_KEY', {}))).toMatch(/CACHE_ENCRYPTION_KEY: it is not set/)
    expect(refusal(() => environmentKeyring('K', { K: 'secret' }))).toMatch(/^KEYRING_INVALID/)
    expect(refusal(() => environmentKeyring('K', { K: `k1:${k1.toString('hex')},k1:${k2.toString('hex')}` }))).toMatch(
      /two keys/,
    )
  })
})

describe('a ring of a key service', () => {
  /** As a service does: what it gives out tells nothing without it. */
  const service = {
    wrap: async (key: Uint8Array) => key.map((byte) => byte ^ 0xa5),
    unwrap: async (wrapped: Uint8Array) => wrapped.map((byte) => byte ^ 0xa5),
  }

  test('unwraps what the service has wrapped', async () => {
    const wrapped = await newWrappedKey(service)
    const ring = await wrappedKeyring({ service, current: 'k1', keys: { k1: wrapped } })
    expect(Buffer.from(ring.key('k1') ?? [])).toEqual(Buffer.from(await service.unwrap(wrapped)))
  })

  test('that is down, late or wrong is told by what failed, with its cause', async () => {
    const wrapped = await newWrappedKey(service)
    const ring = (unwrap: () => Promise<Uint8Array>) =>
      wrappedKeyring({ service: { unwrap }, current: 'k1', keys: { k1: wrapped }, timeout: 20 })
    await expect(ring(() => Promise.reject(new Error('ECONNREFUSED')))).rejects.toMatchObject({
      code: 'KEYRING_UNREACHABLE',
      message: expect.stringContaining('"k1": ECONNREFUSED'),
    })
    await expect(ring(() => new Promise(() => {}))).rejects.toMatchObject({
      message: expect.stringContaining('no answer within 20 ms'),
    })
    await expect(ring(async () => new Uint8Array(16))).rejects.toMatchObject({ code: 'KEYRING_INVALID' })
  })
})
