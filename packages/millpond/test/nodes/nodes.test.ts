// The channel over one process's store: bounds, hostile bytes, a store that fails, the cost of an unused channel.
import { afterEach, expect, it } from 'vitest'
import { MillpondError } from '../../src/core/errors.ts'
import { MAX_NODE_TEXT, type NodeStore } from '../../src/core/nodes.ts'
import { createNodes, memoryNodes, type Nodes, type NodesOptions, type NodeWarning } from '../../src/nodes/index.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { until } from '../services/until.ts'

const opened: Nodes[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((nodes) => nodes.close()))
})
const open = (options: NodesOptions): Nodes => {
  const nodes = createNodes({ every: '50ms', ...options })
  opened.push(nodes)
  return nodes
}
const beat = (id: string, state: string) => ({ id, boot: `boot-${id}`, lateMs: 60_000, forgetMs: 60_000, state })

it('takes what is put at whatever step of a look at the inbox, without waiting for the next interval', async () => {
  for (let steps = 0; steps < 12; steps++) {
    const clock = fakeClock()
    const held = memoryNodes({ clock })
    let isArmed = false
    const put: Promise<unknown>[] = []
    const store: NodeStore = {
      ...held,
      async inbox(...asked) {
        const found = await held.inbox(...asked)
        if (isArmed) {
          isArmed = false
          let later = Promise.resolve()
          for (let step = 0; step < steps; step++) later = later.then(() => {})
          put.push(later.then(() => held.putSettings('millpond', 'size', { revision: 'second', text: '2' })))
        }
        return found
      },
    }
    const taken: unknown[] = []
    const node = open({ store, id: 'web-1', clock, every: '60s' })
    node.onSettings('size', (document) => void taken.push(document))
    await node.join()
    await held.putSettings('millpond', 'size', { revision: 'first', text: '1' })
    await new Promise((resolve) => setImmediate(resolve))
    isArmed = true
    await held.putSettings('millpond', 'other', { revision: 'wakes', text: '0' })
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all(put)
    await new Promise((resolve) => setImmediate(resolve))
    expect(taken, `${steps} steps after the look`).toEqual([1, 2])
  }
})

it('leaves no timer behind, which would keep a process that has ended its work', async () => {
  const clock = fakeClock()
  const node = open({ store: memoryNodes({ clock }), id: 'a', clock })
  await node.join()
  await node.close()
  expect(clock.pending).toBe(0)
})

it('by the clock: a node is fresh, then late, then forgotten', async () => {
  const clock = fakeClock()
  const store = memoryNodes({ clock })
  const alive = open({ store, id: 'alive', clock, every: '1s' })
  await alive.join()
  await store.beat(
    'millpond',
    { ...beat('silent', '{"reports":{},"settings":{}}'), lateMs: 5000, forgetMs: 600_000 },
    true,
  )
  const seen = async (): Promise<unknown> => (await alive.list()).map(({ id, isLate }) => [id, isLate])
  const fresh = [
    ['alive', false],
    ['silent', false],
  ]
  expect(await seen()).toEqual(fresh)
  await clock.run(5001)
  expect(await seen()).toEqual([
    ['alive', false],
    ['silent', true],
  ])
  await clock.run(594_998)
  expect((await alive.list()).length).toBe(2)
  await clock.run(1)
  expect(await seen()).toEqual([['alive', false]])
})

it('G26: foreign contents are ignored and counted, whatever they are', async () => {
  const store = memoryNodes()
  const node = open({ store, id: 'a' })
  node.answer('echo', (body) => body)
  await node.join()
  const deep = `${'['.repeat(70)}${']'.repeat(70)}`
  const hostile = [
    '',
    'null',
    '[]',
    '{',
    '{"topic":7}',
    `{"topic":"echo","body":${deep}}`,
    `"${'x'.repeat(MAX_NODE_TEXT)}"`,
    '\u0000',
  ]
  for (const [index, text] of hostile.entries())
    await store.post('millpond', { id: `r${index}`, from: 'x', text }, 60_000)
  await store.post('millpond', { id: 'no word', from: 'x', text: '{"topic":"echo"}' }, 60_000)
  await until('all were looked at', () => node.counters.ignored === hostile.length + 1)
  for (const state of ['null', '[]', '{"reports":[]}', '{', deep]) await store.beat('millpond', beat('b', state), true)
  await store.beat(
    'millpond',
    beat('c', '{"reports":{"__proto__":{"polluted":true}},"settings":{"x":{"revision":7}}}'),
    true,
  )
  const listed = await node.list()
  expect(listed.map(({ id }) => id)).toEqual(['a', 'c'])
  expect([listed[1]?.settings, Reflect.get({}, 'polluted')]).toEqual([{}, undefined])
  expect(node.counters.ignored).toBe(hostile.length + 2)
  const asked = node.ask('echo', 1, { deadline: 300 })
  await until(
    'it was posted',
    async () => (await store.inbox('millpond', 'none:0')).requests.length === hostile.length + 2,
  )
  const { requests } = await store.inbox('millpond', 'none:0')
  const request = requests.at(-1) ?? { id: '', from: '' }
  for (const text of ['', '{"status":"who knows"}', '7'])
    await store.reply('millpond', request, { id: 'b', boot: 'boot-b', text }, 60_000)
  const answers = await asked
  expect(answers.nodes.map(({ id, status }) => [id, status])).toEqual([
    ['a', 'answered'],
    ['b', 'late'],
    ['c', 'late'],
  ])
})

it('what is too large to travel is refused where it is said, and takes no other report with it', async () => {
  const warnings: NodeWarning[] = []
  const node = open({ store: memoryNodes(), id: 'a', onWarning: (warning) => warnings.push(warning) })
  const large = 'x'.repeat(MAX_NODE_TEXT)
  await expect(node.ask('echo', large)).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' })
  await expect(node.putSettings('shop', large)).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' })
  const circle: { self?: unknown } = {}
  circle.self = circle
  await expect(node.ask('echo', circle)).rejects.toMatchObject({ code: 'VALUE_UNSUPPORTED' })
  node.report('large', () => large)
  node.report('circle', () => circle)
  node.report('throws', () => {
    throw new Error('not now')
  })
  node.report('fine', () => ({ big: 7n, odd: Number.NaN, gone: undefined }))
  node.answer('large', () => large)
  await node.join()
  const [{ reports } = { reports: {} }] = await node.list()
  expect(reports).toEqual({
    large: { error: expect.stringContaining('at most 262144 are allowed') },
    circle: { error: expect.stringContaining('cannot be written as JSON') },
    throws: { error: 'not now' },
    fine: { big: '7', odd: 'NaN' },
  })
  expect(warnings.filter(({ kind }) => kind === 'report')).toHaveLength(3)
  expect((await node.ask('large')).nodes).toMatchObject([
    { status: 'failed', code: 'VALUE_TOO_LARGE', error: expect.stringContaining('at most 262144') },
  ])
})

it('a store that fails makes a node late, never a crash; it goes on by itself', async () => {
  const real = memoryNodes()
  let isDown = true
  const failing = new Proxy(real, {
    get: (target, name: keyof NodeStore) => {
      const value = target[name]
      if (typeof value !== 'function' || name === 'follow') return value
      return (...args: unknown[]) =>
        isDown ? Promise.reject(new MillpondError('NODES_UNREACHABLE', 'down')) : Reflect.apply(value, target, args)
    },
  })
  const warnings: string[] = []
  const node = open({ store: failing, id: 'a', onWarning: ({ kind }) => warnings.push(kind) })
  node.answer('echo', (body) => body)
  await node.join()
  await expect(node.list()).rejects.toMatchObject({ code: 'NODES_UNREACHABLE' })
  await expect(node.ask('echo')).rejects.toMatchObject({ code: 'NODES_UNREACHABLE' })
  expect(warnings).toEqual(['unreachable'])
  isDown = false
  await until('it has joined', async () => (await real.list('millpond')).length === 1)
  expect((await node.ask('echo', 1)).isComplete).toBe(true)
  expect(warnings).toEqual(['unreachable', 'reachable'])
})

it('handlers may be many, one topic has one; a settings handler that hangs does not delay answers', async () => {
  const node = open({ store: memoryNodes(), id: 'a' })
  node.onSettings('hangs', () => new Promise(() => undefined))
  const taken: unknown[] = []
  node.onSettings('shop', (document) => void taken.push(document))
  const stop = node.answer('echo', () => 'first')
  node.answer('echo', () => 'second')
  stop()
  await node.join()
  await node.putSettings('hangs', 1)
  await node.putSettings('shop', { ttl_seconds: 1 })
  expect((await node.ask('echo')).nodes).toMatchObject([{ body: 'second' }])
  await until('the other has its settings', () => taken.length === 1)
  expect((await node.list())[0]?.settings).toMatchObject({ shop: { revision: expect.any(String) } })
})

it('closing answers what is under way, leaves, and ends what waits here', async () => {
  const store = memoryNodes()
  const node = open({ store, id: 'a' })
  const asker = open({ store, id: 'asker' })
  let finish: (() => void) | undefined
  node.answer('slow', () => new Promise((resolve) => (finish = () => resolve('done'))))
  await node.join()
  const answers = asker.ask('slow', 1, { deadline: '10s' })
  await until('it is at work', () => finish !== undefined)
  const closing = node.close()
  finish?.()
  expect((await answers).nodes).toMatchObject([{ status: 'answered', body: 'done' }])
  await closing
  expect(await store.list('millpond')).toEqual([])
  await expect(node.list()).rejects.toMatchObject({ code: 'CLOSED' })
  await store.beat('millpond', beat('gone', '{}'), true)
  const waits = asker.ask('nothing', 1, { deadline: '30s' })
  const outcome = expect(waits).rejects.toMatchObject({ code: 'CLOSED' })
  await asker.close()
  await outcome
})

it('a node that has not joined costs its store nothing', async () => {
  const clock = fakeClock()
  const calls: PropertyKey[] = []
  const store = new Proxy(memoryNodes({ clock }), {
    get: (target, name) => {
      calls.push(name)
      return Reflect.get(target, name)
    },
  })
  const node = createNodes({ store, clock })
  calls.length = 0
  node.report('x', () => 1)
  await clock.run(60_000)
  expect([calls, clock.pending]).toEqual([[], 0])
})

it('wrong options are refused where they are given', async () => {
  const store = memoryNodes()
  // @ts-expect-error a store is needed
  expect(() => createNodes({})).toThrow(/createNodes.store: undefined is not allowed: give a node store/)
  expect(() => createNodes({ store, id: '' })).toThrow(/id: "" is not allowed/)
  expect(() => createNodes({ store, channel: 'a b' })).toThrow(/channel/)
  expect(() => createNodes({ store, every: 1 })).toThrow(/every: 1 is not allowed: give 50 to/)
  expect(() => createNodes({ store, forgetAfter: '1s' })).toThrow(/forgetAfter/)
  // @ts-expect-error no such option
  expect(() => createNodes({ store, evry: 1 })).toThrow(/unknown option "createNodes.evry": did you mean "every"/)
  const node = open({ store })
  await expect(node.ask('echo', 1, { deadline: '2m' })).rejects.toThrow(/deadline/)
  await expect(node.ask('', 1)).rejects.toThrow(/topic/)
})
