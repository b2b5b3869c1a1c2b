// AWS KMS as a key service, by its own client, over the wire to a stand-in that speaks its protocol.
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { KMSClient } from '@aws-sdk/client-kms'
import { newWrappedKey, wrappedKeyring } from 'millpond/codec'
import { awsKms } from 'millpond/codec/aws-kms'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'

const KEY = 'alias/cache'
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }

/** What it was told, and how it shall answer: as the service, or badly. */
let mode: 'well' | 'silent' | 'denied' | 'throttled' | 'broken' | 'garbage' = 'well'
interface Question {
  readonly KeyId?: string
  readonly Plaintext?: string
  readonly CiphertextBlob?: string
  readonly EncryptionContext?: object
}
const asked: { target: string; authorization: string; body: Question }[] = []
let server: Server
let client: KMSClient
let endpoint = ''

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body: Question = JSON.parse(Buffer.concat(chunks).toString())
      asked.push({
        target: String(request.headers['x-amz-target']),
        authorization: String(request.headers.authorization),
        body,
      })
      const answer = (status: number, content: object | string): void => {
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' })
        response.end(typeof content === 'string' ? content : JSON.stringify(content))
      }
      const fail = (name: string, status = 400): void => answer(status, { __type: name, message: `${name} happened` })
      if (mode === 'silent') return
      if (mode === 'denied') return fail('AccessDeniedException')
      if (mode === 'throttled') return fail('ThrottlingException')
      if (mode === 'broken') return fail('KMSInternalException', 500)
      if (mode === 'garbage') return answer(200, '{}')
      if (body.KeyId !== KEY) return fail('IncorrectKeyException')
      const mark = createHash('sha256')
        .update(JSON.stringify(body.EncryptionContext ?? {}))
        .digest()
      const given = Buffer.from(String(body.Plaintext ?? body.CiphertextBlob), 'base64')
      const turned = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte) => byte ^ 0xa5))
      if (request.headers['x-amz-target'] === 'TrentService.Encrypt')
        return answer(200, { KeyId: KEY, CiphertextBlob: Buffer.concat([mark, turned(given)]).toString('base64') })
      if (!given.subarray(0, 32).equals(mark)) return fail('InvalidCiphertextException')
      answer(200, { KeyId: KEY, Plaintext: turned(given.subarray(32)).toString('base64') })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  client = new KMSClient({ endpoint, region: 'eu-central-1', credentials, maxAttempts: 2, retryMode: 'standard' })
})
afterAll(async () => {
  client.destroy()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})
beforeEach(() => {
  mode = 'well'
  asked.length = 0
})
const service = (timeout = 5000) => awsKms({ keyId: KEY, client, timeout })

describe('AWS KMS', () => {
  test('wraps and unwraps keys of a ring, named by key and context, in signed requests', async () => {
    const wrapped = await newWrappedKey(service())
    const ring = await wrappedKeyring({ service: service(), current: 'k1', keys: { k1: wrapped } })
    expect(ring.key('k1')).toHaveLength(32)
    expect(asked.map(({ target }) => target)).toEqual(['TrentService.Encrypt', 'TrentService.Decrypt'])
    for (const { authorization, body } of asked) {
      expect(authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/)
      expect(body).toMatchObject({ KeyId: KEY, EncryptionContext: { purpose: 'millpond' } })
    }
  })

  test('a ring takes further keys, all or none, and works with the keys it has while the service is down', async () => {
    const [w1, w2] = [await newWrappedKey(service()), await newWrappedKey(service())]
    const ring = await wrappedKeyring({ service: service(200), current: 'k1', keys: { k1: w1 } })
    mode = 'denied'
    await expect(ring.reload({ current: 'k2', keys: { k1: w1, k2: w2 } })).rejects.toMatchObject({
      code: 'KEYRING_UNREACHABLE',
    })
    expect([ring.current, ring.ids, ring.key('k1')?.length]).toEqual(['k1', ['k1'], 32])
    mode = 'well'
    await ring.reload({ current: 'k1', keys: { k1: w1, k2: w2 }, next: { id: 'k2', activeFrom: 0 } })
    expect([ring.current, ring.ids]).toEqual(['k2', ['k1', 'k2']])
  })

  test.each<[typeof mode, RegExp]>([
    ['silent', /no answer within 100 ms/],
    ['denied', /AccessDeniedException/],
    ['throttled', /ThrottlingException/],
    ['broken', /KMSInternalException/],
    ['garbage', /answered without a key/],
  ])('that is %s is told by a typed error, in time', async (how, message) => {
    const wrapped = await newWrappedKey(service())
    mode = how
    const slow = service(how === 'silent' ? 100 : 5000)
    const failed = await wrappedKeyring({ service: slow, current: 'k1', keys: { k1: wrapped } }).catch(
      (error: unknown) => error,
    )
    expect(failed).toMatchObject({ code: 'KEYRING_UNREACHABLE', message: expect.stringMatching(message) })
    expect(JSON.stringify(failed) + String(failed)).not.toContain(Buffer.from(wrapped).toString('base64').slice(0, 20))
    await expect(newWrappedKey(slow)).rejects.toMatchObject({ code: 'KEYRING_UNREACHABLE' })
  })

  test('that is not there at all', async () => {
    const gone = new KMSClient({ endpoint: 'http://127.0.0.1:9', region: 'eu-central-1', credentials, maxAttempts: 1 })
    await expect(newWrappedKey(awsKms({ keyId: KEY, client: gone }))).rejects.toMatchObject({
      code: 'KEYRING_UNREACHABLE',
    })
    gone.destroy()
  })

  test('a wrapped key of another context, of another key, or damaged is wrong, and not unreachable', async () => {
    const wrapped = await newWrappedKey(awsKms({ keyId: KEY, client, context: { purpose: 'other' } }))
    const refused = {
      code: 'KEYRING_INVALID',
      message: expect.stringContaining('was not wrapped by this key in this context'),
    }
    const ring = (keyId: string, k1: Uint8Array) =>
      wrappedKeyring({ service: awsKms({ keyId, client }), current: 'k1', keys: { k1 } })
    await expect(ring(KEY, wrapped)).rejects.toMatchObject(refused)
    await expect(ring('alias/other', wrapped)).rejects.toMatchObject(refused)
    await expect(ring(KEY, randomBytes(64))).rejects.toMatchObject(refused)
  })

  test('makes a client of its own from region and endpoint, with the credentials of the environment', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDENVIRONMENT')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
    const own = awsKms({ keyId: KEY, region: 'eu-west-3', endpoint })
    const wrapped = await newWrappedKey(own).finally(() => vi.unstubAllEnvs())
    expect(await own.unwrap(wrapped)).toHaveLength(32)
    for (const { authorization } of asked)
      expect(authorization).toMatch(/Credential=AKIDENVIRONMENT\/\d+\/eu-west-3\/kms/)
    expect(asked).toHaveLength(2)
  })

  test('refuses what would be of another client, and a context that is not of texts', () => {
    expect(() => awsKms({ keyId: KEY, client, region: 'eu-central-1' })).toThrow(/leave them out/)
    expect(() => awsKms({ keyId: KEY, client, context: { a: 1 } as never })).toThrow(/not an object of strings/)
  })
})
