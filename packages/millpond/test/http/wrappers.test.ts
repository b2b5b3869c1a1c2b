// Wrappers of functions, methods and views: keys, tags, errors, tenants, decorators of both kinds.
import { describe, expect, it } from 'vitest'
import { type SmartLoad, wrappers } from '../../src/http/wrappers/index.ts'
import { createCache } from '../../src/index.ts'

const setUp = (): ReturnType<typeof wrappers> & { cache: ReturnType<typeof createCache> } => {
  const cache = createCache()
  return { ...wrappers(cache), cache }
}

describe('cachedMethod', () => {
  it('calls a function once per arguments, however many ask', async () => {
    const { cachedMethod } = setUp()
    let calls = 0
    const square = cachedMethod()(async function square(n: number) {
      calls++
      return n * n
    })
    expect(await Promise.all([square(3), square(3), square(4)])).toEqual([9, 9, 16])
    expect(await square(3)).toBe(9)
    expect(calls).toBe(2)
  })
  it('keeps different arguments apart', async () => {
    const { cachedMethod } = setUp()
    let calls = 0
    const f = cachedMethod({ keyPrefix: 'f' })((...args: unknown[]) => `${calls++} ${args.length}`)
    const all: unknown[][] = [
      [1],
      ['1'],
      [1n],
      [true],
      [null],
      [undefined],
      [],
      ['a', 'b'],
      ['a,b'],
      [{ a: 1 }],
      ['{"a":1}'],
      ['\u0001j{"a":1}'],
      [['a', 'b']],
      [{ a: '1' }],
      [new Date(0)],
      [{ a: [undefined, 1] }],
      [{ a: [1] }],
    ]
    const results = new Set()
    for (const args of all) results.add(await f(...args))
    expect(results.size).toBe(all.length)
    expect(await f({ b: 1, a: 2 })).toBe(await f({ a: 2, b: 1 }))
  })
  it('forgets and refreshes by arguments, and by tags from arguments and result', async () => {
    const { cachedMethod, cache } = setUp()
    let version = 0
    const find = cachedMethod({
      keyPrefix: 'find',
      tags: ([id]: [number], found: { org: string }) => [`user:${id}`, `org:${found.org}`],
    })((id: number) => ({ org: 'x', version: version++, id }))
    expect((await find(7)).version).toBe(0)
    expect(await find.invalidate(7)).toMatchObject({ isApplied: true })
    expect((await find(7)).version).toBe(1)
    expect((await find.refresh(7)).version).toBe(2)
    await cache.invalidateTags(['org:x'])
    expect((await find(7)).version).toBe(3)
    await cache.invalidateTags(['user:8'])
    expect((await find(7)).version).toBe(3)
  })
  it('G12: passes an error to all who wait, and remembers it only when asked', async () => {
    const { cachedMethod } = setUp()
    let calls = 0
    const fail = (): never => {
      calls++
      throw new Error('no')
    }
    const f = cachedMethod({ keyPrefix: 'a' })(fail)
    const outcomes = await Promise.allSettled([f(), f(), f()])
    expect(outcomes.map(({ status }) => status)).toEqual(Array(3).fill('rejected'))
    expect(calls).toBe(1)
    await expect(f()).rejects.toThrow('no')
    expect(calls).toBe(2)
    const g = cachedMethod({ keyPrefix: 'b', cacheErrors: '1m' })(fail)
    await expect(g()).rejects.toThrow('no')
    await expect(g()).rejects.toThrow('no')
    expect(calls).toBe(3)
  })
  it('tells recorders who asks, where the arguments say so, and asks the same key for all', async () => {
    const cache = createCache()
    const told: number[] = []
    cache.record({ hit: () => {}, miss: () => {}, context: (_, session) => told.push(session) })
    let calls = 0
    const f = wrappers(cache).cachedMethod({
      keyPrefix: 'f',
      session: (who?: string) => who,
      key: (_who, id: string) => [id],
    })((_who: string | undefined, id: string) => `${calls++} ${id}`)
    expect([await f('ada', 'a'), await f('bob', 'a'), await f('ada', 'a'), await f(undefined, 'a')]).toEqual(
      Array(4).fill('0 a'),
    )
    const [ada, bob, again] = told.filter((session) => session !== 0)
    expect([again, ada === bob]).toEqual([ada, false])
    await cache.close()
  })

  it('G23: keeps tenants apart, whatever they are called', async () => {
    const { cachedMethod } = setUp()
    let calls = 0
    const f = cachedMethod({ keyPrefix: 'f', tenant: (tenant: string) => tenant, key: (_: string, id: string) => id })(
      (tenant: string, id: string) => `${calls++} ${tenant} ${id}`,
    )
    const results = [await f('a', 'b:c'), await f('a:b', 'c'), await f('~', 'a'), await f('a', 'b:c')]
    expect(new Set(results).size).toBe(3)
    await expect(f('', 'a')).rejects.toThrow('is not a tenant')
  })
  it('S5: keeps the tags of tenants apart', async () => {
    const { cachedMethod, cache } = setUp()
    let calls = 0
    const f = cachedMethod({ keyPrefix: 'f', tenant: (tenant: string) => tenant, tags: ['all'] })(
      (tenant: string) => `${tenant} ${calls++}`,
    )
    expect([await f('a'), await f('b')]).toEqual(['a 0', 'b 1'])
    await cache.for({ tenant: 'a' }).invalidateTags(['all'])
    expect([await f('a'), await f('b')]).toEqual(['a 2', 'b 1'])
    await cache.clear()
    expect(await f('b')).toBe('b 1')
    await f.invalidate('b')
    expect(await f('b')).toBe('b 3')
  })
  it('tells where a result came from, with keys of the caller’s own', async () => {
    const { cachedMethod, cache } = setUp()
    const options = { keyPrefix: false, key: (id: number) => `v1:org:data:${id}`, ttl: '1m', quiet: true } as const
    const find = cachedMethod(options)(async (id: number) => ({ id }))
    const both = await Promise.all([find.entry(7), find.entry(7)])
    expect(both).toMatchObject([
      { value: { id: 7 }, tier: 'loader', isJoined: false },
      { value: { id: 7 }, tier: 'loader', isJoined: true },
    ])
    const { value, tier, ttlMs } = await find.entry(7)
    expect([value, tier, Number(ttlMs) > 50_000]).toEqual([{ id: 7 }, 'memory', true])
    expect(cache.peek('v1:org:data:7')).toEqual({ id: 7 })
    expect(await find.invalidate(7)).toMatchObject({ removed: 1 })
    expect((await find.entry(7)).tier).toBe('loader')
    const never = cachedMethod({ keyPrefix: 'never' })(async () => undefined)
    expect(await never.entry()).toEqual({ value: undefined, tier: 'loader', isJoined: false, ageMs: 0 })
    expect(() => cachedMethod({ keyPrefix: false })(async function f() {})).toThrow(/give the option key/)
  })
  it('passes on a consistency token, and that a read is quiet', async () => {
    const { cache } = setUp()
    const given: unknown[] = []
    const watched = Object.assign(Object.create(cache) as typeof cache, {
      getOrSet: (
        _key: unknown,
        load: (control: never) => unknown,
        { after, quiet }: { after?: string; quiet?: boolean },
      ) => {
        given.push([after, quiet])
        return load({ addTags() {} } as never)
      },
    })
    const { cachedMethod } = wrappers(watched as never)
    const read = cachedMethod({ keyPrefix: 'read', after: (_id: number, token?: string) => token, quiet: true })(
      async (id: number, _token?: string) => id,
    )
    expect([await read(1), await read(1, 'token')]).toEqual([1, 1])
    expect(given).toEqual([
      [undefined, true],
      ['token', true],
    ])
  })
  it('says what is missing', async () => {
    const { cachedMethod } = setUp()
    expect(() => cachedMethod()(() => 1)).toThrow(/keyPrefix/)
    expect(() => cachedMethod()(7 as never)).toThrow(/is not a function/)
    const named = (value: number) => ({ load: (_id: number) => value }).load
    cachedMethod()(named(1))
    cachedMethod()(named(1))
    expect(() => cachedMethod()({ load: (_id: number) => 'another' }.load)).toThrow(/two functions are called "load"/)
    cachedMethod({ keyPrefix: 'another' })({ load: (_id: number) => 'another' }.load)
    class Bound {
      load() {}
    }
    cachedMethod()(new Bound().load.bind(new Bound()))
    expect(() => cachedMethod()(new Bound().load.bind(new Bound()))).toThrow(/keyPrefix/)
    await expect(cachedMethod({ keyPrefix: 'x' })((_: unknown) => 1)(new Map())).rejects.toThrow(/give the option key/)
    // Holes and further fields are in no key: `[, 1]` is not `[1]`.
    for (const list of [Array(1), Object.assign([1], { page: 2 })])
      await expect(cachedMethod({ keyPrefix: 'y' })((_: unknown) => 1)(list)).rejects.toThrow(/give the option key/)
  })

  it('answers who loads with what was loaded, not with what is kept of it, refreshed ahead or not', async () => {
    for (const refreshAhead of [undefined, 0.8]) {
      const cache = createCache().namespace('kept', {
        select: (value) => ({ ...(value as object), secret: undefined }),
      })
      const made = { id: 1, secret: 'of this call' }
      const find = wrappers(cache).cachedMethod({ keyPrefix: 'find', ttl: '1m', refreshAhead })(
        async (_id: number) => made,
      )
      expect((await find.entry(1)).value).toBe(made)
      expect((await find.entry(1)).value).toEqual({ id: 1 })
    }
  })
})

describe('decorators', () => {
  it('of TC39', async () => {
    const { cachedMethod } = setUp()
    let calls = 0
    const method = async function (this: { base: number }, n: number): Promise<number> {
      calls++
      return this.base + n
    }
    const decorated = cachedMethod()(method, { kind: 'method', name: 'add' })
    const object = { base: 10, add: decorated }
    expect([await object.add(1), await object.add(1), await object.add(2)]).toEqual([11, 11, 12])
    expect(calls).toBe(2)
  })
  it('of TC39: methods of one name in two classes are two, static ones and those of subclasses too', async () => {
    const { cachedMethod } = setUp()
    /** As the compiler does it. */
    function decorate(holder: object, instances: readonly object[]): void {
      const method = Reflect.get(holder, 'find')
      const initializers: ((this: unknown) => void)[] = []
      const addInitializer = (initializer: (this: unknown) => void): void => void initializers.push(initializer)
      Reflect.set(holder, 'find', cachedMethod()(method, { kind: 'method', name: 'find', addInitializer }))
      for (const instance of instances) for (const initializer of initializers) initializer.call(instance)
    }
    class Users {
      find(id: number): unknown {
        return `user ${id}`
      }
      static find(id: number): unknown {
        return `one of all users ${id}`
      }
    }
    class Deals {
      find(id: number): unknown {
        return `deal ${id}`
      }
    }
    class Admins extends Users {
      override find(id: number): unknown {
        return `admin ${id}`
      }
    }
    const all = [new Users(), new Deals(), new Admins()] as const
    decorate(Users.prototype, [all[2], all[0]])
    decorate(Deals.prototype, [all[1]])
    decorate(Admins.prototype, [all[2]])
    const found = async (): Promise<unknown[]> => Promise.all([...all.map((one) => one.find(1)), Users.find(1)])
    expect(await found()).toEqual(['user 1', 'deal 1', 'admin 1', 'one of all users 1'])
    expect(await found()).toEqual(['user 1', 'deal 1', 'admin 1', 'one of all users 1'])
  })
  it('of experimentalDecorators', async () => {
    const { cachedMethod } = setUp()
    let calls = 0
    class Users {
      async find(id: number): Promise<string> {
        calls++
        return `user ${id}`
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Users.prototype, 'find') as PropertyDescriptor
    Object.defineProperty(Users.prototype, 'find', cachedMethod()(Users.prototype, 'find', descriptor))
    expect([await new Users().find(1), await new Users().find(1)]).toEqual(['user 1', 'user 1'])
    expect(calls).toBe(1)
  })
})

describe('views', () => {
  const request = (url: string, headers: Record<string, string> = {}, method = 'GET'): Request =>
    new Request(`http://a${url}`, { headers, method })
  function view(
    options: Parameters<ReturnType<typeof wrappers>['cachedView']>[0] = {},
  ): (request: Request) => Promise<number> {
    let calls = 0
    return setUp().cachedView({ keyPrefix: 'view', ...options })((_: Request) => ++calls)
  }
  it('S5: vary by credentials and parameters unless told otherwise', async () => {
    const f = view()
    expect([
      await f(request('/a?x=1&y=2')),
      await f(request('/a?y=2&x=1')),
      await f(request('/a?x=2')),
      await f(request('/b?x=1&y=2')),
      await f(request('/a?x=1&y=2', { authorization: 'A' })),
      await f(request('/a?x=1&y=2', { cookie: 'id=1' })),
      await f(request('/a?x=1&y=2', { authorization: 'A' })),
    ]).toEqual([1, 1, 2, 3, 4, 5, 4])
    const open = view({ varyOnAuth: false, varyOnParams: false })
    expect([await open(request('/a?x=1')), await open(request('/a?x=2', { authorization: 'A' }))]).toEqual([1, 1])
  })
  it('vary by fields and cookies that are named', async () => {
    const f = view({ varyOnAuth: false, varyOn: ['Accept-Language', 'cookie:theme'] })
    expect([
      await f(request('/', { 'accept-language': 'de' })),
      await f(request('/', { 'accept-language': 'en' })),
      await f(request('/', { 'accept-language': 'de', cookie: 'id=1; theme=dark' })),
      await f(request('/', { 'accept-language': 'de', cookie: 'theme=dark; id=2' })),
    ]).toEqual([1, 2, 3, 3])
  })
  it('that change something run each time', async () => {
    const f = view()
    expect([await f(request('/a', {}, 'POST')), await f(request('/a', {}, 'POST'))]).toEqual([1, 2])
  })
  it('may return a Response; errors and cookies are not kept', async () => {
    const { cachedApi } = setUp()
    let calls = 0
    const f = cachedApi({ keyPrefix: 'api' })((asked: Request) => {
      calls++
      const { pathname } = new URL(asked.url)
      if (pathname === '/error') return new Response('no', { status: 500 })
      if (pathname === '/login') return new Response('hi', { headers: { 'Set-Cookie': 'id=1' } })
      return Response.json({ calls }, { status: 201, headers: { 'X-A': '1' } })
    })
    for (let at = 0; at < 2; at++) {
      const response = await f(request('/a'))
      expect([response.status, response.headers.get('x-a'), await response.json()]).toEqual([201, '1', { calls: 1 }])
    }
    for (const path of ['/error', '/error', '/login', '/login']) await f(request(path))
    expect(calls).toBe(5)
  })
  it('refuse what is no request', async () => {
    await expect(setUp().cachedView({ keyPrefix: 'v' })((_: unknown) => 1)(7)).rejects.toThrow(/must be the request/)
  })
  it('take the time to live of a profile', () => {
    expect(() => setUp().cacheApiResponse({ cacheType: 'nonsense' as never })).toThrow(
      /'static' or 'user' or 'dashboard'/,
    )
  })
})

describe('smartCache', () => {
  it('begins with its base, stays within its bounds, and tells of each load', async () => {
    const { smartCache } = setUp()
    const loads: SmartLoad[] = []
    let value = 1
    const f = smartCache({
      keyPrefix: 'f',
      baseTtl: 1000,
      minTtl: 400,
      maxTtl: 2000,
      monitor: (load) => loads.push(load),
    })(() => ({
      value,
    }))
    await f()
    for (let at = 0; at < 40; at++) await f.refresh()
    value = 2
    await f.refresh()
    expect(loads.map(({ hasChanged }) => hasChanged)).toEqual([undefined, ...new Array(40).fill(false), true])
    expect(loads[0]?.ttlMs).toBe(1000)
    for (const { ttlMs } of loads) expect(ttlMs === Math.min(2000, Math.max(400, ttlMs))).toBe(true)
  })
  it('H5: counts its loads with `monitor: true`, for all functions it wraps', async () => {
    const { smartCache } = setUp()
    const smart = smartCache({ monitor: true, baseTtl: 1000, minTtl: 400, maxTtl: 2000 })
    expect(smart.report()).toEqual({ loads: 0, compared: 0, changed: 0 })
    let value = 1
    const f = smart(function first() {
      return value
    })
    const g = smart(function second() {
      return value
    })
    await f()
    await g()
    await f()
    value = 2
    await f.refresh()
    await g.refresh()
    const { loads, compared, changed, minTtlMs = 0, avgTtlMs = 0, maxTtlMs = 0 } = smart.report() ?? {}
    expect({ loads, compared, changed }).toEqual({ loads: 4, compared: 2, changed: 2 })
    expect([400 <= minTtlMs, minTtlMs <= avgTtlMs, avgTtlMs <= maxTtlMs, maxTtlMs <= 2000]).toEqual(Array(4).fill(true))
    expect(setUp().smartCache().report()).toBeUndefined()
    expect(setUp().smartCache({ monitor: false }).report()).toBeUndefined()
    expect(() => setUp().smartCache({ monitor: 'yes' as never })).toThrow(/monitor.*"yes".*true, false, or a function/)
  })
  it('refuses bounds that cross', () =>
    expect(() => setUp().smartCache({ minTtl: '1h', maxTtl: '1m' })).toThrow(/minTtl/))
})

describe('conditionalCache and cacheStaticData', () => {
  it('go by the cache only where the condition holds', async () => {
    const { conditionalCache, cacheStaticData } = setUp()
    let calls = 0
    const f = conditionalCache({ keyPrefix: 'f', when: (n) => n !== 0 })((_: number) => ++calls)
    expect([await f(0), await f(0), await f(1), await f(1)]).toEqual([1, 2, 3, 3])
    const g = cacheStaticData({ keyPrefix: 'g' })(() => ++calls)
    expect([await g(), await g()]).toEqual([4, 4])
  })
})

describe('edgeTags', () => {
  const answer = () => new Response('x', { headers: { 'Cache-Control': 'public, max-age=60' } })
  const request = { method: 'GET', url: '/deals', headers: { host: 'a' } }

  it('names the tags of a view in its answers, made or kept, by the option alone (N4)', async () => {
    const cache = createCache()
    const { cachedView } = wrappers(cache)
    const tags = (_: unknown, result: unknown) => (result instanceof Response ? ['deals', 'org 7'] : [])
    const told = cachedView({ tags, edgeTags: true, keyPrefix: 'told' })(async (_: unknown) => answer())
    for (const source of ['made', 'kept']) {
      const { headers } = await told(request)
      expect([headers.get('surrogate-key'), headers.get('cache-tag')], source).toEqual([
        'deals org%207',
        'deals,org%207',
      ])
    }
    const silent = cachedView({ tags, keyPrefix: 'silent' })(async (_: unknown) => answer())
    expect((await silent(request)).headers.has('surrogate-key')).toBe(false)
    const plain = cachedView({ tags: ['deals'], edgeTags: true, keyPrefix: 'plain' })(async (_: unknown) => ({ a: 1 }))
    expect(await plain(request)).toEqual({ a: 1 })
    await cache.close()
  })
})
