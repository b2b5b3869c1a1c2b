// What is said of a failure says no secret, however the address was written.
import { expect, it } from 'vitest'
import { withoutSecrets } from '../src/agent/reason.ts'

it.each([
  ['connect to redis://me:pass@10.0.0.1:6379/0 failed', 'connect to redis://***@10.0.0.1:6379/0 failed'],
  ['"redis://me:pa/ss@host" is not a URL', '"redis://***@host" is not a URL'],
  ['redis://:p@ss@host:1 and rediss://:other@host:2', 'redis://***@host:1 and rediss://***@host:2'],
  ['postgres://host/db?user=me&password=pass&x=1', 'postgres://host/db?user=me&password=***&x=1'],
  ['GET https://cdn/api?api_key=pass ended with 403', 'GET https://cdn/api?api_key=*** ended with 403'],
  ['[millpond] no node answers at http://10.0.0.1/', 'no node answers at http://10.0.0.1/'],
])('%s', (words, said) => {
  expect(withoutSecrets(words)).toBe(said)
})
