// Following the stream of a real control plane over real connections, and what its messages change.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { batched } from '../src/api/batch.ts'
import { ApiError, type CacheClient, createCacheClient } from '../src/api/client.ts'
import { holes } from '../src/charts/scale.ts'
import { follow, type Heard, type StreamState } from '../src/live/follow.ts'
import { messagesOf, type StreamMessage } from '../src/live/sse.ts'
import { withTick } from '../src/live/tick.ts'
import { EMPTY, next } from '../src/pages/live/lines.ts'
import { type Served, serve, tokenOf } from './served.ts'

let served: Served
beforeAll(async () => {
  served = await serve()
})
afterAll(() => served?.close())

const clientOf = (token: string, seen: Headers[] = []) =>
  createCacheClient({
    apiBaseUrl: `${served.url}/api/admin/caching`,
    auth: () => ({ Authorization: `Bearer ${token}` }),
    fetcher: (url, init) => {
      seen.push(new Headers(init.headers))
      return fetch(url, init)
    },
  })
const signal = () => new AbortController().signal

describe('following the stream', () => {
  it('misses nothing and hears nothing twice, however often it is cut', async () => {
    const { hub } = served.plane.control
    const over = new AbortController()
    const [heard, states, asked]: [Heard[], StreamState[], Headers[]] = [[], [], []]
    let isAll: () => void = () => undefined
    const all = new Promise<void>((resolve) => {
      isAll = resolve
    })
    let sent = 0
    const tell = () => hub.tell('operations', 'op', ['shop'], { number: sent++ })
    const following = follow({
      client: clientOf(tokenOf('viewer'), asked),
      topics: ['operations'],
      hz: 4,
      lastId: undefined,
      signal: over.signal,
      hear: (message) => {
        heard.push(message)
        // Cut after each, with one more event while no client is connected.
        if (heard.length % 2 === 1) served.cut()
        if (heard.length === 12) isAll()
      },
      state: (state) => {
        states.push(state)
        if (state === 'on') tell()
      },
      wait: async () => tell(),
    })
    await all
    over.abort()
    await following
    expect(heard.slice(0, 12).map(({ data }) => (data as { number: number }).number)).toEqual(
      Array.from({ length: 12 }, (_, at) => at),
    )
    expect(asked.slice(1).every((headers) => headers.get('last-event-id') !== null)).toBe(true)
    expect(states.filter((state) => state === 'on').length).toBeGreaterThan(3)
  })

  /** What is said and how long is waited between tries, until so many were in vain. */
  const inVain = async (client: CacheClient, tries: number) => {
    const over = new AbortController()
    const [waits, states]: [number[], StreamState[]] = [[], []]
    await follow({
      client,
      topics: ['operations'],
      hz: 1,
      lastId: undefined,
      signal: over.signal,
      hear: () => undefined,
      state: (state) => states.push(state),
      wait: async (ms) => {
        if (waits.push(ms) === tries) over.abort()
      },
    })
    return [new Set(states), waits]
  }

  it('says that it is refused, and waits longer from try to try', async () => {
    const nobody = clientOf('nobody'.padEnd(40, 'x'))
    expect(await inVain(nobody, 6)).toEqual([new Set(['refused']), [2000, 4000, 8000, 16_000, 30_000, 30_000]])
  })

  it('takes a page that a proxy answers for no stream, and waits longer from try to try', async () => {
    const fetcher = async () => new Response('<!doctype html>sign in', { headers: { 'Content-Type': 'text/html' } })
    expect(await inVain(createCacheClient({ fetcher }), 3)).toEqual([new Set(['off']), [2000, 4000, 8000]])
  })

  it('reads messages whose bytes come one by one, with every kind of line end', async () => {
    const text = 'retry: 2500\r\n\r\n: here\n\nid: a-1\nevent: op\ndata: {"ä":\ndata: 1}\n\ndata: cut off'
    const bytes = new TextEncoder().encode(text)
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
        controller.close()
      },
    })
    const messages: StreamMessage[] = []
    for await (const message of messagesOf(body)) messages.push(message)
    expect(messages.map(({ event, id, data, retryMs }) => [event, id, data, retryMs])).toEqual([
      ['message', undefined, '', 2500],
      ['message', undefined, '', undefined],
      ['op', 'a-1', '{"ä":\n1}', undefined],
    ])
  })
})

describe('questions of one turn', () => {
  it('travel in one request, and each is answered or refused as alone', async () => {
    const asked: Headers[] = []
    const client = batched(clientOf(tokenOf('viewer'), asked), () => true)
    const left = new AbortController()
    const [session, refused, missing, gone] = await Promise.allSettled([
      client.get<{ role: string }>('session/'),
      client.get('audit/', { limit: 3 }, signal()),
      client.get('keys/', { cache_name: 'none' }),
      client.get('roles/', {}, left.signal),
      Promise.resolve(left.abort()),
    ])
    expect(asked).toHaveLength(1)
    expect(session).toMatchObject({ value: { role: 'viewer' } })
    expect(
      [refused, missing].map((one) => one.status === 'rejected' && one.reason instanceof ApiError && one.reason.code),
    ).toEqual(['forbidden', 'cache_unknown'])
    expect(gone.status).toBe('rejected')
    await client.get('session/')
    expect([asked.length, asked[1]?.get('idempotency-key')]).toEqual([2, null])
  })
})

describe('what a message changes', () => {
  const columns = {
    step_seconds: 4,
    t: [4, 8, 12],
    series: [{ name: 'hit_ratio', labels: {}, v: [0.1, 0.2, 0.3] }],
    partial_last: true,
  }
  const tick = (t: number, v: number) => ({
    cache_name: 'shop',
    t,
    series: [
      { name: 'hit_ratio', labels: {}, v },
      { name: 'loads', labels: { tier: 'a' }, v: 7 },
    ],
  })

  it('is the last step, or a next one that pushes the first out', () => {
    const within = withTick(columns, tick(11.2, 0.5))
    expect([within.t, within.series[0]?.v, within.partial_last]).toEqual([[4, 8, 12], [0.1, 0.2, 0.5], true])
    const after = withTick(columns, tick(12.9, 0.6))
    expect([after.t, after.series[0]?.v]).toEqual([
      [8, 12, 16],
      [0.2, 0.3, 0.6],
    ])
    expect(after.series[1]).toEqual({ name: 'loads', labels: { tier: 'a' }, v: [null, null, 7] })
    expect(withTick(columns, tick(3, 0.9))).toBe(columns) // a clock that was set back
  })

  it('leaves holes where steps are missing', () => {
    expect(holes([4, 8, 40, 44], 4)).toEqual([{ from: 8, to: 36 }])
    expect(holes([4, 8, 16], 4)).toEqual([])
  })

  it('is a line of the tail, within its bound, with its gaps counted', () => {
    const rows = Array.from({ length: 300 }, (_, at) => ({
      kind: 'hit',
      namespace: 'a',
      node: 'web-1',
      at,
      key: `k:${at}`,
    }))
    const heard = (event: string, data: unknown, cache = 'shop') => ({
      is: 'heard' as const,
      cache,
      message: { event, data, id: undefined },
    })
    let tail = EMPTY
    for (let at = 0; at < 3; at++)
      tail = next(tail, heard('event', { cache_name: 'shop', rows, seen: 3000, silent: ['web-2'] }))
    expect([tail.lines.length, tail.lines[0]?.key, tail.silent]).toEqual([500, 'k:299', ['web-2']])
    expect((tail.seenPerSecond ?? 0) / tail.shownPerSecond).toBeCloseTo(10)
    tail = next(next(tail, heard('gap', { dropped: 4 })), heard('gap', { dropped: null }))
    expect([tail.gaps, tail.dropped]).toEqual([2, 4])
    expect(next(tail, heard('event', { cache_name: 'other', rows, seen: 1, silent: [] }))).toBe(tail)
  })
})
