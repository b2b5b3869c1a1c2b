// What the front page makes of an answer's Cache-Status.
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { type PageFacts, renderPage } from '../../src/http/page.ts'
import { PAGE_SCRIPT } from '../page-script.ts'

/** The part of the script that touches no document. */
const [told, inRegions]: [(status: string | null) => string, (regions?: readonly object[]) => string] = runInNewContext(
  `${PAGE_SCRIPT.slice(PAGE_SCRIPT.indexOf('const names'), PAGE_SCRIPT.indexOf('async function show'))}; [told, inRegions]`,
)

test.each([
  [null, 'not cached'],
  ['deals-response; hit; ttl=3572; detail=memory', 'from memory'],
  ['deals-response; hit; ttl=3572; detail=sqlite', 'from SQLite'],
  [
    'deals-response; hit; ttl=874; detail=memory, deals-http; fwd=uri-miss; fwd-status=200; detail=private',
    'from memory',
  ],
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
  expect(inRegions(regions)).toBe('In the regions: us-east-1 has forgotten it, eu-west-1 will when it hears of it.')
  expect(inRegions(undefined)).toBe('')
})

test('a region names the others, with the way there where it is known, and no option that is refused beside it', () => {
  const page = (regions: PageFacts['regions'], port: number) =>
    renderPage(
      {
        ...{
          organization: { id: 1, name: 'Oakley' },
          others: [],
          deal: undefined,
          database: 'sqlite',
          tiers: ['memory', 'edge'],
          today: '2025-12-31',
        },
        ...{
          counts: { organizations: 1, users: 1, deals: 1 },
          url: 'http://127.0.0.1:8081',
          viewer: undefined,
          manager: undefined,
          regions,
          port,
        },
      },
      { style: '', script: '', mark: '', picture: undefined, edges: [] },
    )
  const names = ['us', 'eu', 'ap']
  expect(page({ names, own: 'eu' }, 8081)).toContain(
    'This is the region <b>eu</b>, beside <a data-port="8080">us</a>, <a data-port="8082">ap</a>: it asks us for what it lacks',
  )
  expect(page({ names, own: 'eu' }, 8081)).toContain('Open two of them, raise')
  expect(page({ names: ['us', 'eu'], own: 'eu' }, 8081)).toContain('Open both, raise')
  expect(page({ names, own: 'us' }, 0)).toContain('This is the region <b>us</b>, beside eu, ap: the others ask it')
  expect(page({ names, own: 'us' }, 0)).not.toContain('--edge-port')
  expect(page(undefined, 8080)).toContain('<code>--edge-port 8081</code> starts one')
})
