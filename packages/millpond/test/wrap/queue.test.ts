// The way of many calls to one server.
import { describe, expect, test } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import type { Command } from '../../src/wrap/command.ts'
import { Queue, type QueueOptions } from '../../src/wrap/queue.ts'

/** A server that answers `<item>!` when told; what it was sent, and what its callers came to. */
function setUp(options: Partial<Pick<QueueOptions<string, string>, 'limits' | 'isApart' | 'weigh'>> = {}) {
  const clock = fakeClock()
  const sent: { readonly items: readonly string[]; readonly command: Command; answer(): void; fail(): void }[] = []
  const ended: string[] = []
  const errors: unknown[] = []
  const queue = new Queue<string, string>({
    what: 'test',
    clock,
    limits: { calls: 2, items: 3, weight: Number.POSITIVE_INFINITY },
    silentMs: 250,
    send: (items, command) =>
      new Promise((resolve, reject) => {
        sent.push({
          items,
          command,
          answer: () => resolve(items.map((item) => `${item}!`)),
          fail: () => reject(new Error(`not ${items.join()}`)),
        })
      }),
    onEnd: (_ms, error) => {
      if (error !== undefined) errors.push(error)
    },
    ...options,
  })
  const ask = (...items: string[]) => {
    const failed = (error: unknown): void =>
      void ended.push(`${items.join()}: ${(error as Error).message.replace('[millpond] ', '')}`)
    return queue.put(items, { answered: (answers) => ended.push(answers.join()), failed })
  }
  return { clock, queue, sent, ended, errors, ask, items: () => sent.map((one) => one.items.join()) }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('a queue', () => {
  test('sends together what is asked within one turn, up to its limits, and what waits when there is room', async () => {
    const { sent, ended, ask, items } = setUp()
    for (const item of 'abcdefghij') ask(item)
    await turn()
    expect(items()).toEqual(['a,b,c', 'd,e,f'])
    sent[0]?.answer()
    await turn()
    expect(items()).toEqual(['a,b,c', 'd,e,f', 'g,h,i'])
    sent[1]?.answer()
    sent[2]?.answer()
    await turn()
    sent[3]?.answer()
    await turn()
    expect(ended).toEqual([...'abcdefghij'].map((item) => `${item}!`))
  })

  test('cuts a call that is larger than a command, and answers it whole', async () => {
    const { sent, ended, ask, items } = setUp()
    ask(...'abcd')
    ask('e')
    await turn()
    expect(items()).toEqual(['a,b,c', 'd,e'])
    sent[1]?.answer()
    await turn()
    expect(ended).toEqual(['e!'])
    sent[0]?.answer()
    await turn()
    expect(ended).toEqual(['e!', 'a!,b!,c!,d!'])
  })

  test('a command holds what its items may weigh, and a single heavier one', async () => {
    const { items, ask } = setUp({ limits: { calls: 9, items: 9, weight: 3 }, weigh: (item) => item.length })
    ask('aa', 'b', 'c', 'dddd', 'e')
    await turn()
    expect(items()).toEqual(['aa,b', 'c', 'dddd', 'e'])
  })

  test('calls that are apart share no command', async () => {
    const { items, ask } = setUp({ isApart: true, limits: { calls: 9, items: 2, weight: Number.POSITIVE_INFINITY } })
    ask('a')
    ask('b', 'c', 'd')
    await turn()
    expect(items()).toEqual(['a', 'b,c', 'd'])
  })

  test('an empty call is a command of its own', async () => {
    const { sent, ended, ask, items } = setUp()
    ask('a')
    ask()
    await turn()
    expect(items()).toEqual(['a', ''])
    sent[1]?.answer()
    await turn()
    expect(ended).toEqual([''])
  })

  test('a command that fails concerns its own callers alone', async () => {
    const { sent, ended, ask } = setUp()
    for (const item of 'abcdef') ask(item)
    await turn()
    sent[0]?.fail()
    sent[1]?.answer()
    await turn()
    expect(ended).toEqual(['a: not a,b,c', 'b: not a,b,c', 'c: not a,b,c', 'd!', 'e!', 'f!'])
  })

  test('G14: a queue that moves is no failure, however long its last call has waited', async () => {
    const { clock, sent, ended, errors, ask } = setUp({
      limits: { calls: 2, items: 1, weight: Number.POSITIVE_INFINITY },
    })
    for (const item of 'abcdefghij') ask(item)
    await turn()
    for (let at = 0; at < 10; at++) {
      await clock.run(200)
      sent[at]?.answer()
      await turn()
    }
    expect(ended).toEqual([...'abcdefghij'].map((item) => `${item}!`))
    expect(errors).toEqual([])
  })

  test('G14: with no answer for so long, what is under way and what waits fails at once', async () => {
    const { clock, sent, ended, errors, queue, ask } = setUp()
    for (const item of 'abcdefghij') ask(item)
    await turn()
    await clock.run(249)
    expect(ended).toEqual([])
    await clock.run(1)
    expect(ended).toEqual([...'abcdefghij'].map((item) => `${item}: test did not answer within 250 ms`))
    expect(sent).toHaveLength(2)
    expect(errors, 'what was never sent is no failed command').toHaveLength(2)
    expect(sent[0]?.command.signal.aborted).toBe(true)
    expect(queue.waiting).toBe(0)
    expect(clock.pending).toBe(0)
  })

  test('what comes late is dropped, and the next call goes out', async () => {
    const { clock, sent, ended, ask } = setUp()
    ask('a')
    await turn()
    await clock.run(250)
    sent[0]?.answer()
    ask('b')
    await turn()
    sent[1]?.answer()
    await turn()
    expect(ended).toEqual(['a: test did not answer within 250 ms', 'b!'])
  })

  test('one command that is lost while others are answered does not pend for ever', async () => {
    const { clock, sent, ended, ask } = setUp()
    ask('lost')
    await turn()
    for (let at = 1; at < 6; at++) {
      ask(`${at}`)
      await turn()
      sent[at]?.answer()
      await clock.run(100)
    }
    expect(ended).toContain('lost: test did not answer within 500 ms')
  })

  test('who leaves before the call was sent takes it along', async () => {
    const { sent, ask, items } = setUp({ limits: { calls: 1, items: 1, weight: Number.POSITIVE_INFINITY } })
    ask('a')
    ask('b').isOver = true
    ask('c')
    await turn()
    sent[0]?.answer()
    await turn()
    expect(items()).toEqual(['a', 'c'])
  })

  test('an answer of another length fails the command', async () => {
    const queue = new Queue<string, string>({
      what: 'test',
      clock: fakeClock(),
      limits: { calls: 1, items: 9, weight: Number.POSITIVE_INFINITY },
      silentMs: 250,
      send: async () => ['one'],
    })
    await expect(queue.ask(['a', 'b'])).rejects.toMatchObject({ code: 'TIER_FAILED' })
  })

  test('50,000 calls of one turn cost a few commands, and are answered in order', async () => {
    let commands = 0
    const queue = new Queue<string, string>({
      what: 'test',
      clock: fakeClock(),
      limits: { calls: 8, items: 1000, weight: Number.POSITIVE_INFINITY },
      silentMs: 250,
      send: async (items) => {
        commands++
        return items
      },
    })
    const answers = await Promise.all(Array.from({ length: 50_000 }, (_, at) => queue.ask([`${at}`])))
    expect(answers.map(([answer]) => Number(answer)).every((answer, at) => answer === at)).toBe(true)
    expect(commands).toBe(50)
  })
})
