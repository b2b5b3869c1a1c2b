// Commands of several queues to a server that takes only so many at once.
import { describe, expect, test } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { Gate } from '../../src/wrap/gate.ts'
import { Queue } from '../../src/wrap/queue.ts'

function setUp(most: number) {
  const clock = fakeClock()
  const gate = new Gate(clock, most)
  const sent: { readonly what: string; answer(): void; fail(): void }[] = []
  const ended: string[] = []
  const noted = (name: string, work: Promise<unknown>): void => {
    work.then(
      () => ended.push(name),
      () => ended.push(`no ${name}`),
    )
  }
  const work = (what: string): Promise<void> =>
    new Promise((resolve, reject) => {
      sent.push({ what, answer: () => resolve(), fail: () => reject(new Error('no')) })
    })
  const queue = (name: string) => {
    const its = new Queue<string, string>({
      what: name,
      clock,
      gate,
      limits: { calls: 2, items: 10, weight: Number.POSITIVE_INFINITY },
      silentMs: 250,
      send: async (items) => {
        await work(`${name} ${items.join()}`)
        return items
      },
    })
    return (item: string) => {
      let call: { isOver: boolean } = { isOver: false }
      const answers = new Promise<unknown>((answered, failed) => {
        call = its.put([item], { answered, failed })
      })
      noted(`${name} ${item}`, answers)
      return call
    }
  }
  return { clock, gate, queue, work, noted, ended, sent, whats: () => sent.map(({ what }) => what) }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('a gate', () => {
  test('lets in so many at once; queues take turns, and what waits meanwhile goes together', async () => {
    const { queue, sent, whats, ended } = setUp(1)
    const [a, b] = [queue('a'), queue('b')]
    a('1')
    await turn()
    b('1')
    await turn()
    for (const item of '234') {
      a(item)
      b(item)
    }
    await turn()
    expect(whats()).toEqual(['a 1'])
    for (let at = 0; at < 3; at++) {
      sent[at]?.answer()
      await turn()
    }
    expect(whats()).toEqual(['a 1', 'b 1,2,3,4', 'a 2,3,4'])
    expect(ended).toHaveLength(8)
  })

  test('a queue whose callers have left gives its turn to the next', async () => {
    const { queue, sent, whats } = setUp(1)
    const [a, b, c] = [queue('a'), queue('b'), queue('c')]
    a('1')
    await turn()
    const left = b('1')
    await turn()
    c('1')
    await turn()
    left.isOver = true
    sent[0]?.answer()
    await turn()
    expect(whats()).toEqual(['a 1', 'c 1'])
  })

  test('a failed command gives up its place, as does one that is given up', async () => {
    const { clock, queue, sent, whats, ended } = setUp(1)
    const [a, b, c] = [queue('a'), queue('b'), queue('c')]
    a('1')
    await turn()
    b('1')
    await turn()
    sent[0]?.fail()
    await turn()
    expect(whats()).toEqual(['a 1', 'b 1'])
    await clock.run(260)
    c('1')
    await turn()
    expect(whats().at(-1)).toBe('c 1')
    expect(ended).toEqual(['no a 1', 'no b 1'])
  })

  test('G14: while any is answered the others wait; once the server is silent all of them fail', async () => {
    const { clock, queue, sent, ended } = setUp(1)
    const all = [...'abcdefghij'].map((name) => queue(name))
    for (const ask of all) {
      ask('1')
      await turn()
    }
    for (let at = 0; at < 4; at++) {
      await clock.run(200)
      sent[at]?.answer()
      await turn()
    }
    expect(ended).toEqual(['a 1', 'b 1', 'c 1', 'd 1'])
    await clock.run(260)
    expect(ended.slice(4).sort()).toEqual([...'efghij'].map((name) => `no ${name} 1`))
    expect(sent).toHaveLength(5)
  })

  test('a command of its own waits for its turn like a queue, and fails with it', async () => {
    const { clock, gate, queue, sent, work, noted, ended, whats } = setUp(1)
    const a = queue('a')
    a('1')
    await turn()
    noted(
      'own',
      gate.run('own', () => work('own')),
    )
    noted(
      'second',
      gate.run('second', () => work('second')),
    )
    sent[0]?.answer()
    await turn()
    expect(whats()).toEqual(['a 1', 'own'])
    sent[1]?.fail()
    await turn()
    sent[2]?.answer()
    await turn()
    expect(ended).toEqual(['a 1', 'no own', 'second'])
    a('2')
    await turn()
    noted(
      'third',
      gate.run('third', () => work('third')),
    )
    await clock.run(260)
    expect(ended.slice(3).sort()).toEqual(['no a 2', 'no third'])
  })

  test('a command of its own that is let go on takes no place, and gives none up', async () => {
    const { gate, queue, sent, work, noted, ended, whats } = setUp(1)
    const [a, b] = [queue('a'), queue('b')]
    a('1')
    await turn()
    let goOn = (): void => {}
    noted(
      'own',
      gate.run(
        'own',
        () => work('own'),
        (given) => {
          goOn = given
        },
      ),
    )
    b('1')
    await turn()
    expect(whats()).toEqual(['a 1'])
    goOn()
    goOn()
    await turn()
    expect(whats()).toEqual(['a 1', 'own'])
    sent[1]?.answer()
    await turn()
    expect(whats()).toEqual(['a 1', 'own'])
    sent[0]?.answer()
    await turn()
    goOn()
    await turn()
    expect(whats()).toEqual(['a 1', 'own', 'b 1'])
    expect(ended).toEqual(['own', 'a 1'])
  })
})
