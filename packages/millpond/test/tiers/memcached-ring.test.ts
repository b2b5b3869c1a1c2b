// Ketama beside libmemcached 1.1.4 (Debian 12), whose own `memcached_generate_hash` gave what is expected here, with
// KETAMA_WEIGHTED on.
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { resolveMemcached } from '../../src/tiers/memcached/options.ts'
import { ketama } from '../../src/tiers/memcached/ring.ts'

const VECTORS = [
  {
    servers: '10.0.1.1:11211:1,10.0.1.2:11211:1,10.0.1.3:11211:1',
    first: '2210101000220011210221222100020102022221220221202020111201021101002000210222220102010021021202222201',
    all: 'e05dee0a7d56bb5023e381454edb285f9fa9662dd0ed709a127e8883790cc6b7',
  },
  {
    servers: '10.0.1.1:11211:1,10.0.1.2:11212:3,cache-c.internal:11211:2,10.0.1.4:22122:10',
    first: '3230330331313033331303332130333301333331330213113313203302313313113332133333320322330123031131323223',
    all: '66aafa3fee02c7778d5a3b873412ef4dfd090d4ef76e23ab2800f3c7670f69bf',
  },
  {
    servers: 'a:11211:600,b:11211:300,c:11211:200,d:11211:350,e:11211:1000,f:11211:800,g:11211:950',
    first: '5015553016146546506434166345401603454634412644604654551660662564664003366542415545651656660601065635',
    all: '4d1b0dc412c1482387f269472730ec468f8606742ebf4da1f172aeea97f3b29e',
  },
]

const keys = Array.from({ length: 2000 }, (_, index) => `shop:default:user:${index}`)
const ownersOf = (servers: string): string => keys.map(ketama(resolveMemcached({ servers }).servers)).join('')

describe('ketama, as other clients have it', () => {
  test.each(VECTORS)('$servers', ({ servers, first, all }) => {
    const owners = ownersOf(servers)
    expect(owners.slice(0, 100)).toBe(first)
    expect(createHash('sha256').update(owners).digest('hex')).toBe(all)
  })

  test('a server more takes its share, and leaves the rest where it was', () => {
    const before = ownersOf('a,b,c,d')
    const after = ownersOf('a,b,c,d,e')
    const moved = [...after].filter((owner, at) => owner !== before[at])
    expect(new Set(moved)).toEqual(new Set(['4']))
    expect(moved.length).toBeGreaterThan(200)
    expect(moved.length).toBeLessThan(600)
  })
})
