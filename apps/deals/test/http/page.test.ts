// What the front page makes of an answer's Cache-Status.
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { PAGE_SCRIPT } from '../page-script.ts'

/** The part of the script that touches no document. */
const [told, inRegions]: [(status: string | null) => string, (regions?: readonly object[]) => string] = runInNewContext(
  `${PAGE_SCRIPT.slice(PAGE_SCRIPT.indexOf('const names'), PAGE_SCRIPT.indexOf('async function show'))}; [told, inRegions]`,
)

test.each([
  [null, 'not cached'],
  ['deals-response; hit; ttl=3572; detail=memory', 'from memory'],
  ['deals-response; hit; ttl=3572; detail=sqlite', 'from SQLite'],
  ['deals-response; hit; ttl=874; detail=memory, deals-http; fwd=uri-miss; fwd-status=200; detail=private', 'from memory'],
  ['deals-response; fwd=miss; stored, deals-http; hit; ttl=3546', 'from the HTTP cache'],
  ['deals-response; hit; ttl=3572; detail=memory, deals-http; hit; ttl=3546', 'from the HTTP cache'],
  ['deals-response; fwd=miss; stored, deals-http; fwd=uri-miss; fwd-status=200', 'computed, and now cached'],
  ['deals-response; fwd=miss; collapsed, deals-http; fwd=uri-miss', 'shared with another request'],
  ['deals-response; fwd=bypass', 'computed; the cache is off'],
  ['deals-response; fwd=miss; stored, deals-http; fwd=bypass', 'computed, and now cached'],
])('%s is told as: %s', (status, words) => {
  expect(told(status)).toBe(words)
})

test('a write tells of each region, where there are several', () => {
  const regions = [
    { region: 'us-east-1', state: 'applied' },
    { region: 'eu-west-1', state: 'queued' },
  ]
  expect(inRegions(regions)).toBe('. In the regions: us-east-1 has forgotten it, eu-west-1 will')
  expect(inRegions(undefined)).toBe('')
})
