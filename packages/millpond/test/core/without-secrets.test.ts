// S6: a message that shows a value does not show a credential in it, wherever in the options it was put.
import { expect, test } from 'vitest'
import { MillpondError, show } from '../../src/core/errors.ts'
import { readable } from '../../src/core/readable.ts'
import { showAddress } from '../../src/core/show-address.ts'
import { withoutSecrets } from '../../src/core/without-secrets.ts'

test.each([
  ['redis://app:hunter2@h:6379/0', 'redis://***@h:6379/0'],
  ['redis://hunter2@h', 'redis://***@h'],
  ['rediss://:p/w@r#d@h', 'rediss://***@h'],
  ['redis:/app:hunter2@h', 'redis:/***@h'],
  ['POSTGRES://app:hunter2@h/db', 'POSTGRES://***@h/db'],
  ['redis://a:hunter2@h1,redis://b:hunter2@h2', 'redis://***@h2'],
  ['to redis://a:hunter2@h1 and mysql://b:hunter2@h2', 'to redis://***@h1 and mysql://***@h2'],
  ['https://ada:hunter2@shop.example/x?token=hunter2&page=2', 'https://***@shop.example/x?token=***&page=2'],
  ['libsql://x.turso.io?authToken=hunter2', 'libsql://x.turso.io?authToken=***'],
  ['host=h user=app password=hunter2 dbname=x', 'host=h user=app password=*** dbname=x'],
  ['AWS_SECRET_ACCESS_KEY=hunter2', 'AWS_SECRET_ACCESS_KEY=***'],
  ['https://proxy.example/redis://app:hunter2@h/0', 'https://proxy.example/redis://***@h/0'],
  [
    'https://a.example/https://b.example/https://ada:hunter2@c/x@1',
    'https://a.example/https://b.example/https://***@1',
  ],
  ['https://a.example/x@1?to=redis://app:hunter2@h', 'https://a.example/x@1?to=redis://***@h'],
  ['https://a.example/?to=redis%3A%2F%2Fapp%3Ahunter2%40h&x=1', 'https://a.example/?to=redis%3A%2F%2F***%40h&x=1'],
  ['-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END', '***'],
  ['http://me:12/hunter2@host', 'http://***@host'],
  ['http://1001:12/hunter2@host', 'http://***@host'],
  ['http://me:12/hunter2@host:80/x', 'http://***@host:80/x'],
  ['https://ada.lovelace:8080/hunter2@host/x', 'https://***@host/x'],
  ['https://proxy.example/http://me:12/hunter2@host', 'https://proxy.example/http://***@host'],
  [
    'https://b.s3.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature=hunter2&x=1',
    'https://b.s3.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature=***&x=1',
  ],
  ['https://a.blob.example/c?sv=2022&sig=hunter2%3D', 'https://a.blob.example/c?sv=2022&sig=***'],
  ['Server=h;Uid=app;Pwd=hunter2;Db=x', 'Server=h;Uid=app;Pwd=***;Db=x'],
  ['Authorization: Bearer hunter2', 'Authorization: Bearer ***'],
  ['authorization: Basic YXBwOmh1bnRlcjI=', 'authorization: Basic ***'],
  ['Proxy-Authorization: Digest username="app", response="hunter2"', 'Proxy-Authorization: Digest ***'],
  ['curl -H "Authorization: Bearer hunter2" https://h/', 'curl -H "Authorization: Bearer ***" https://h/'],
  ['sent bearer hunter2, refused', 'sent bearer ***, refused'],
  ['{"user":"app","password":"hunter2","db":1}', '{"user":"app","password":"***","db":1}'],
  ['{"password": "hunter2\\"hunter2", "db": 1}', '{"password": "***", "db": 1}'],
  ['{"body":"{\\"token\\":\\"hunter2\\",\\"x\\":1}"}', '{"body":"{\\"token\\":\\"***\\",\\"x\\":1}"}'],
  ["{ user: 'app', apiKey: 'hunter2' }", "{ user: 'app', apiKey: '***' }"],
  ['PGPASSWORD="hunter2 hunter2" psql', 'PGPASSWORD="***" psql'],
  ['{"password":"hunter2 cut sho', '{"password":"***"'],
  ['user: app\npassword: hunter2\ndb: x', 'user: app\npassword: ***\ndb: x'],
  ['x-api-key: hunter2', 'x-api-key: ***'],
  ['wrong password: password: hunter2', 'wrong password: password: ***'],
  ['set `token: hunter2` there, and `password: hunter2` here', 'set `token: ***` there, and `password: ***` here'],
  ['{"pin":1,"password":27182818,"db":1}', '{"pin":1,"password":***,"db":1}'],
  ['{"body":"{\\"token\\": -2.7e18}"}', '{"body":"{\\"token\\": ***}"}'],
  ['Authorization: AWS AKIAEXAMPLE:hunter2', 'Authorization: AWS ***'],
  ['authorization: SharedKey account:hunter2', 'authorization: SharedKey ***'],
])('%s', (text, shown) => {
  expect(withoutSecrets(text)).toBe(shown)
  expect(show({ url: [text] })).not.toContain('hunter2')
})

test.each([
  ['with a quotation mark', 'redis://app:hun"ter2@h', '"redis://***@h"'],
  ['with an apostrophe', "redis://app:hun'ter2@h", '"redis://***@h"'],
  ['with a space', 'redis://app:hun ter2@h', '"redis://***@h"'],
  ['a token longer than what is searched', `redis://app:hunter2${'x'.repeat(3000)}@h`, '"redis://***@h"'],
  ['in a member', { urls: ['redis://app:hun"ter2@h'] }, '{"urls":["redis://***@h"]}'],
  ['as a number', { password: 27182 }, '{"password":"***"}'],
  ['as a list', { password: ['hunter2'] }, '{"password":"***"}'],
  ['as an object', { credentials: { user: 'hunter2' } }, '{"credentials":"***"}'],
  ['whether there is one', { password: true, token: null }, '{"password":true,"token":null}'],
])('a password of a URL or an option: %s', (_, value, shown) => {
  expect(show(value)).toBe(shown)
})

test('an address is searched in a bounded time', () => {
  const began = performance.now()
  for (const end of ['', '@h', '\n@h']) expect(showAddress(`redis:${'/'.repeat(50_000)}${end}`)).toContain('redis:/')
  expect(performance.now() - began, 'in time').toBeLessThan(2000)
  expect(showAddress('redis://app:hun\nter2@h?password=hunter2')).toBe('"redis://***@h?***"')
  expect(showAddress('app:hunter2@h')).toBe('"***@h"')
})

test('what only looks like one is shown', () => {
  for (const text of [
    'https://cdn.example/npm/pkg@1.2.3/a.js',
    'https://shop.example/users/@ada?page=2',
    'https://shop.example/users/ada%40example.com',
    'https://web.archive.example/2026/https://shop.example/@ada',
    'http://localhost:5173/@vite/client',
    'http://127.0.0.1:4873/pkg@1.2.3',
    'http://[::1]:4873/pkg@1.2.3',
    'token: give a function',
    'basic authentication is required, not Bearer authentication',
    'authorization: the header is missing',
    'design=1&x-assigned=2',
    'password: one of 8 characters or more',
    'C:/caches/a@b',
    'user:ada@example.com',
    'user:7',
    '{"key":"user:7","maxTokens":5,"compass":"north"}',
  ])
    expect(withoutSecrets(text)).toBe(text)
})

test('members that are secrets, and bytes, are not shown', () => {
  const options = {
    password: 'hunter2',
    sentinelPassword: 'hunter2',
    apiKey: 'hunter2',
    'x-api-key': 'hunter2',
    client_secret: 'hunter2',
    authToken: 'hunter2',
    key: Buffer.from('hunter2'),
    bytes: new Uint8Array(32),
  }
  for (const [name, value] of Object.entries(options))
    expect(show({ [name]: value })).toMatch(/"(?:\*{3}|\w+ of \d+ bytes)"/)
  expect(show(Buffer.from('hunter2'))).toBe('Buffer of 7 bytes')
  expect(show({ maxTokens: 5, key: 'user:7' })).toBe('{"maxTokens":5,"key":"user:7"}')
})

test('a long value is searched in a bounded time, and shown as far as before', () => {
  const began = performance.now()
  for (const long of ['a.'.repeat(1e6), 'token'.repeat(4e5), `${'a-'.repeat(1e6)}://`, 'x://'.repeat(5e5)]) {
    expect(show(long)).toMatch(/^".{79}… \(\d{7} characters\)$/)
  }
  for (const text of ['a-', 'token:"', 'token: ', 'authorization: bearer ', 'bearer ', 'sig=', '\\', ' ']) {
    const long = `token${text.repeat(1e6 / text.length)}`
    expect(withoutSecrets(`${long}\nredis://:hunter2@h`)).not.toContain('hunter2')
  }
  // Names and addresses within the value of the first.
  for (const text of ['token:', 'token:1', '-ab%3a%2f'])
    expect(withoutSecrets(`${text.repeat(1e5)} x redis://:hunter2@h`)).not.toContain('hunter2')
  expect(withoutSecrets(`${'https://a/'.repeat(1e5)}hunter2@h`)).not.toContain('hunter2')
  expect(performance.now() - began, 'in time').toBeLessThan(2000)
})

test("OpenSSL's innards are left out of a message", () => {
  const text =
    '80DC8C51A97F0000:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../deps/openssl/openssl/ssl/record/rec_layer_s3.c:1601:SSL alert number 116\n'
  expect(readable(text)).toBe('TLS: tlsv13 alert certificate required')
  expect(new MillpondError('TIER_FAILED', `[redis] read: ${text}`).message).toBe(
    '[millpond] [redis] read: TLS: tlsv13 alert certificate required',
  )
  expect(readable('connect ECONNREFUSED')).toBe('connect ECONNREFUSED')
})
