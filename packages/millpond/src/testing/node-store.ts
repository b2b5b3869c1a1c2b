// The conformance suite of node stores: what `NodeStore` promises, for every implementation.
import assert from 'node:assert/strict'
import { MAX_NODE_TEXT, MAX_REQUESTS, type NodeBeat, type NodeStore } from '../core/nodes.ts'
import { type Case, type Runner, register, until } from './runner.ts'

/** The store under test. */
export interface NodeStoreSubject {
  /** Names the store in the title of the suite. */
  readonly name: string
  /** A new, empty store. Called once per case. */
  readonly open: () => Promise<NodeStore>
  /** Another handle on the store that `open` returned last, as a second process would have it. */
  readonly again: () => Promise<NodeStore>
  /** Closes what the case has opened. */
  readonly close: () => Promise<void>
  /** Ids of cases that this store cannot pass, each with the reason. */
  readonly skips?: Readonly<Record<string, string>>
}

/** Runs the suite: `describeNodeStore({ describe, it }, { name: 'redis', open, again, close })`. */
export function describeNodeStore(runner: Runner, subject: NodeStoreSubject): void {
  register(runner, `${subject.name} keeps the NodeStore contract`, subject, nodeStoreCases, subject.skips ?? {})
}

const MINUTE = 60_000
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const beat = (id: string, boot: string, more: Partial<NodeBeat> = {}): NodeBeat => ({
  id,
  boot,
  lateMs: 5000,
  forgetMs: MINUTE,
  state: JSON.stringify({ id, text: 'ä\n"\u0000\u2028😀 \\' }),
  ...more,
})
const request = (id: string, to?: readonly string[]) => ({
  id,
  from: 'asker',
  text: `{"topic":"${id}"}`,
  ...(to && { to }),
})

type Stores = { readonly store: NodeStore; readonly other: NodeStore }

function nodeCase(id: string, title: string, run: (stores: Stores) => Promise<void>): Case<NodeStoreSubject> {
  return {
    id,
    title,
    run: async (subject) => {
      const store = await subject.open()
      try {
        await run({ store, other: await subject.again() })
      } finally {
        await subject.close()
      }
    },
  }
}

const nodeStoreCases: readonly Case<NodeStoreSubject>[] = [
  nodeCase('list', 'a node is listed with what it left, by id, in its own channel', async ({ store, other }) => {
    assert.equal(await store.beat('c', beat('web-2', 'b2'), true), true)
    assert.equal(await other.beat('c', beat('web-1', 'b1', { lateMs: 7, forgetMs: 9 * MINUTE }), true), true)
    await store.beat('elsewhere', beat('web-3', 'b3'), true)
    const nodes = await store.list('c')
    assert.deepEqual(
      nodes.map(({ ageMs, ...node }) => node),
      [beat('web-1', 'b1', { lateMs: 7, forgetMs: 9 * MINUTE }), beat('web-2', 'b2')],
    )
    assert.ok(nodes.every(({ ageMs }) => ageMs >= 0 && ageMs < 10_000))
    assert.deepEqual(await store.list('nobody'), [])
  }),
  nodeCase('replace', 'a later beat replaces state and age', async ({ store, other }) => {
    await store.beat('c', beat('a', 'b1'), true)
    await pause(60)
    assert.ok(((await other.list('c'))[0]?.ageMs ?? 0) >= 50)
    assert.equal(await store.beat('c', beat('a', 'b1', { state: '"new"' }), false), true)
    const [node] = await other.list('c')
    assert.equal(node?.state, '"new"')
    assert.ok((node?.ageMs ?? 1e9) < 10_000)
  }),
  nodeCase('boots', 'who joins takes the id; the boot that held it is told so', async ({ store, other }) => {
    await store.beat('c', beat('a', 'first'), true)
    assert.equal(await other.beat('c', beat('a', 'second'), true), true)
    assert.equal(await store.beat('c', beat('a', 'first', { state: '"lost"' }), false), false)
    await store.leave('c', 'a', 'first')
    assert.deepEqual(
      (await store.list('c')).map(({ boot, state }) => [boot, state]),
      [['second', beat('a', 'second').state]],
    )
  }),
  nodeCase('leave', 'who leaves is gone at once', async ({ store, other }) => {
    await store.beat('c', beat('a', 'b1'), true)
    await store.leave('c', 'a', 'b1')
    assert.deepEqual(await other.list('c'), [])
    await store.leave('c', 'a', 'b1')
  }),
  nodeCase('forget', 'a silent node is forgotten after its time, and its id is free', async ({ store, other }) => {
    await store.beat('c', beat('a', 'b1', { forgetMs: 80 }), true)
    await store.beat('c', beat('b', 'b2'), true)
    await until('it is forgotten', async () => (await other.list('c')).length === 1)
    assert.deepEqual(
      (await other.post('c', request('r'), MINUTE))?.map(({ id }) => id),
      ['b'],
    )
    assert.equal(await other.beat('c', beat('a', 'another'), false), true)
  }),
  nodeCase(
    'inbox',
    'a request reaches every node once, in order, but none that joined after it',
    async ({ store, other }) => {
      const first = await store.inbox('c')
      const second = await other.inbox('c')
      assert.deepEqual([first.requests, second.requests], [[], []])
      assert.deepEqual(await store.post('c', request('r1'), MINUTE), [])
      await other.post('c', request('r2', ['a', 'b']), MINUTE)
      await other.post('elsewhere', request('r3'), MINUTE)
      for (const [from, inbox] of [
        [store, first],
        [other, second],
      ] as const) {
        const { requests, cursor } = await from.inbox('c', inbox.cursor)
        assert.deepEqual(
          requests.map(({ leftMs, ...one }) => one),
          [request('r1'), request('r2', ['a', 'b'])],
        )
        assert.ok(requests.every(({ leftMs }) => leftMs > MINUTE / 2 && leftMs <= MINUTE))
        assert.deepEqual((await from.inbox('c', cursor)).requests, [])
      }
      assert.deepEqual((await store.inbox('c')).requests, [])
    },
  ),
  nodeCase('pages', 'many requests come in pages, none twice, none lost', async ({ store }) => {
    let { cursor } = await store.inbox('c')
    const ids = Array.from({ length: 230 }, (_, index) => `r${index}`)
    for (const id of ids) await store.post('c', request(id), MINUTE)
    const seen: string[] = []
    for (let rounds = 0; rounds < 5; rounds++) {
      const page = await store.inbox('c', cursor)
      assert.ok(page.requests.length <= 100)
      seen.push(...page.requests.map(({ id }) => id))
      cursor = page.cursor
    }
    assert.deepEqual(seen, ids)
  }),
  nodeCase('deadline', 'a request is gone after its deadline, by the clock of the store', async ({ store, other }) => {
    const { cursor } = await other.inbox('c')
    await store.post('c', request('short'), 30)
    await store.post('c', request('long'), MINUTE)
    await pause(60)
    assert.deepEqual(
      (await other.inbox('c', cursor)).requests.map(({ id }) => id),
      ['long'],
    )
  }),
  nodeCase('bounded', 'a channel takes so many requests and no more', async ({ store }) => {
    const all = Array.from({ length: MAX_REQUESTS }, (_, index) => index)
    for (let at = 0; at < all.length; at += 50) {
      const answers = await Promise.all(
        all.slice(at, at + 50).map((index) => store.post('c', request(`r${index}`), MINUTE)),
      )
      assert.ok(answers.every((answer) => answer !== undefined))
    }
    assert.equal(await store.post('c', request('one too many'), MINUTE), undefined)
    assert.deepEqual(await store.post('elsewhere', request('r'), MINUTE), [])
  }),
  nodeCase('expected', 'who posts hears who is there at this moment', async ({ store, other }) => {
    await store.beat('c', beat('b', 'b2'), true)
    await other.beat('c', beat('a', 'b1', { lateMs: 7 }), true)
    const marks = (await store.post('c', request('r'), MINUTE)) ?? []
    assert.deepEqual(
      marks.map(({ id, boot, lateMs }) => [id, boot, lateMs]),
      [
        ['a', 'b1', 7],
        ['b', 'b2', 5000],
      ],
    )
    assert.ok(marks.every(({ ageMs }) => ageMs >= 0 && ageMs < 10_000))
  }),
  nodeCase('replies', 'answers come together with who is there now', async ({ store, other }) => {
    await store.beat('c', beat('a', 'b1'), true)
    const asked = request('r')
    await store.post('c', asked, MINUTE)
    assert.deepEqual((await store.replies('c', 'r')).replies, [])
    await other.reply('c', asked, { id: 'a', boot: 'b1', text: '{"status":"answered","body":"ä\\u0000😀"}' }, MINUTE)
    await other.reply('c', asked, { id: 'b', boot: 'b2', text: '1' }, MINUTE)
    await other.reply('c', request('another'), { id: 'c', boot: 'b3', text: '2' }, MINUTE)
    const { replies, present } = await store.replies('c', 'r')
    assert.deepEqual(replies, [
      { id: 'a', boot: 'b1', text: '{"status":"answered","body":"ä\\u0000😀"}' },
      { id: 'b', boot: 'b2', text: '1' },
    ])
    assert.deepEqual(
      present.map(({ id, boot }) => [id, boot]),
      [['a', 'b1']],
    )
    assert.deepEqual((await store.replies('elsewhere', 'r')).replies, [])
  }),
  nodeCase(
    'settings',
    'a document stays until it is replaced, and every node sees its revision',
    async ({ store, other }) => {
      assert.equal(await store.getSettings('c', 'shop'), undefined)
      assert.equal(await store.putSettings('c', 'shop', { revision: 'v1', text: '{"a":"ä\\u0000"}' }), true)
      assert.deepEqual(await other.getSettings('c', 'shop'), { revision: 'v1', text: '{"a":"ä\\u0000"}' })
      const { cursor, revisions } = await other.inbox('c')
      assert.deepEqual([...revisions], [['shop', 'v1']])
      await other.putSettings('c', 'shop', { revision: 'v2', text: '2' })
      await other.putSettings('c', '__proto__', { revision: 'v3', text: '3' })
      assert.deepEqual([...(await store.inbox('c', cursor)).revisions].sort(), [
        ['__proto__', 'v3'],
        ['shop', 'v2'],
      ])
      assert.equal(await other.getSettings('elsewhere', '__proto__'), undefined)
    },
  ),
  nodeCase('compare', 'of two writers on one revision one wins', async ({ store, other }) => {
    const put = (from: NodeStore, revision: string, ifRevision: string): Promise<boolean> =>
      from.putSettings('c', 'shop', { revision, text: '1' }, ifRevision)
    assert.equal(await put(store, 'v1', 'v0'), false)
    const answers = await Promise.all([
      put(store, 'v1', ''),
      put(other, 'v2', ''),
      put(store, 'v3', ''),
      put(other, 'v4', ''),
    ])
    assert.equal(answers.filter(Boolean).length, 1)
    const standing = (await store.getSettings('c', 'shop'))?.revision ?? ''
    assert.equal(await put(other, 'v5', standing), true)
    assert.equal(await put(store, 'v6', standing), false)
  }),
  nodeCase('large', 'the longest text comes back whole', async ({ store, other }) => {
    const state = `"${'ä'.repeat(MAX_NODE_TEXT - 2)}"`
    await store.beat('c', beat('a', 'b1', { state }), true)
    assert.equal((await other.list('c'))[0]?.state, state)
    await store.putSettings('c', 'shop', { revision: 'v1', text: state })
    assert.equal((await other.getSettings('c', 'shop'))?.text, state)
  }),
  nodeCase(
    'follow',
    'requests, settings and answers wake those who follow, and no others',
    async ({ store, other }) => {
      if (store.follow === undefined) return
      const woken = { inbox: 0, asker: 0, elsewhere: 0 }
      const stops = [
        other.follow?.('c', '', () => woken.inbox++),
        other.follow?.('c', 'asker', () => woken.asker++),
        other.follow?.('elsewhere', '', () => woken.elsewhere++),
      ]
      await until('the followers are there', async () => {
        await store.post('c', request(`warm-${Math.random()}`), 1000)
        await store.reply('c', request('warm'), { id: 'a', boot: 'b', text: '1' }, 1000)
        return woken.inbox > 0 && woken.asker > 0
      })
      await pause(200)
      const before = { ...woken }
      await store.post('c', request('r'), MINUTE)
      await until('a request wakes', () => woken.inbox > before.inbox)
      const posted = woken.inbox
      await store.putSettings('c', 'shop', { revision: 'v1', text: '1' })
      await until('settings wake', () => woken.inbox > posted)
      await store.reply('c', request('r'), { id: 'a', boot: 'b1', text: '1' }, MINUTE)
      await until('an answer wakes the asker', () => woken.asker > before.asker)
      for (const stop of stops) stop?.()
      const after = { ...woken }
      await store.post('c', request('last'), MINUTE)
      await pause(100)
      assert.deepEqual(woken, after)
    },
  ),
]
