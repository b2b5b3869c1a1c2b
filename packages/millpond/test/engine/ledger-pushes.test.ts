// What a process asks because its ledger's store pushes: at once, and while pushes keep coming every few milliseconds.
import { type Cache, createCache, memory } from 'millpond'
import { afterEach, describe, expect, test } from 'vitest'
import type { Clock, LedgerStore, Tier } from '../../src/core/contracts.ts'
import type { Position } from '../../src/core/ledger.ts'
import { PACE_MS, Pushes } from '../../src/engine/ledger-pushes.ts'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'

const opened: Cache[] = []
afterEach(() => Promise.all(opened.splice(0).map((cache) => cache.close())))

const NAMES = Array.from({ length: 20 }, (_, at) => `n${at}`)

type Wake = (at?: Position, keys?: readonly string[]) => void

/** Two processes over one server; of `two` it is written down when it pulls. */
async function world(push: (wake: Wake) => Wake = (wake) => wake) {
  const slow = { ms: 0, stepMs: 0 }
  const clock = fakeClock({ now: Date.now() })
  const server = simulatedServer({ now: () => clock.now() })
  const asked: { readonly at: number; readonly namespace: string }[] = []
  const { ledger, ...tier } = server.connect()
  const counted: LedgerStore = {
    ...ledger,
    pull: async (namespace, from) => {
      asked.push({ at: clock.monotonic(), namespace })
      const answer = await ledger.pull(namespace, from)
      if (slow.ms > 0) await new Promise<void>((resolve) => clock.after(slow.ms, resolve))
      return answer
    },
    advance: async (namespace, change) => {
      const advanced = await ledger.advance(namespace, change)
      if (slow.stepMs > 0) await new Promise<void>((resolve) => clock.after(slow.stepMs, resolve))
      return advanced
    },
    unmoved: async (places) => (await ledger.unmoved?.(places)) ?? [],
    follow: (namespace, wake) => ledger.follow?.(namespace, push(wake)) ?? (() => {}),
  }
  const open = (over: Tier): Cache => {
    const cache = createCache({ name: 'pushes', tiers: [memory(), over], clock })
    opened.push(cache)
    return cache
  }
  const [one, two] = [open(server.connect()), open({ ...tier, ledger: counted })]
  for (const cache of [one, two]) {
    await Promise.all(NAMES.map((name) => cache.namespace(name).getOrSet('k', () => 'old')))
    await clock.run(200)
  }
  asked.length = 0
  return { clock, one, two, asked, server, slow }
}

/** Deletes a key every millisecond, each time in the next of the namespaces. */
async function storm(cache: Cache, clock: FakeClock, ms: number, names: readonly string[]): Promise<void> {
  for (let step = 0; step < ms; step++) {
    void cache.namespace(names[step % names.length] ?? '').delete(`x${step}`)
    await clock.run(1)
  }
}

const rounds = (asked: readonly { readonly at: number }[]): number => new Set(asked.map(({ at }) => at)).size

describe('what is asked because of pushes', () => {
  test('G3: the first is asked about at once', async () => {
    const { clock, one, two, asked } = await world()
    const began = clock.monotonic()
    await one.namespace('n3').delete('k')
    await clock.run(1)
    expect(asked.map(({ namespace }) => namespace)).toEqual(['pushes:n3:'])
    expect((asked[0]?.at ?? 0) - began).toBeLessThanOrEqual(1)
    expect(await two.namespace('n3').get('k')).toBeUndefined()
  })

  test('G3: nothing is older than the pause between two questions', async () => {
    const { clock, one, two } = await world()
    for (let step = 0; step < 200; step++) {
      const key = `x${step}`
      await two.namespace('n3').getOrSet(key, () => 'old')
      await one.namespace('n3').delete(key)
      await clock.run(PACE_MS + 1)
      expect(await two.namespace('n3').get(key)).toBeUndefined()
    }
  })

  test('of a thousand a second in one namespace no more than one in four milliseconds', async () => {
    const { clock, one, asked } = await world()
    await storm(one, clock, 1000, ['n3'])
    // One more a second, in turn, is asked in any case.
    expect(asked.length).toBeLessThanOrEqual(1000 / PACE_MS + 3)
    expect(asked.length).toBeGreaterThan(150)
  })

  test('in twenty namespaces they go out together', async () => {
    const { clock, one, asked } = await world()
    await storm(one, clock, 1000, NAMES)
    const own = asked.length
    expect(own).toBeGreaterThan(900)
    expect(rounds(asked)).toBeLessThanOrEqual(1000 / PACE_MS + 20)
  })

  test('nothing is asked about steps of this process, nor about what is known', async () => {
    const { clock, two, asked } = await world()
    await storm(two, clock, 1000, ['n3'])
    // What is asked every second in any case, one namespace after the other.
    expect(asked.length).toBeLessThanOrEqual(2)
  })

  test('G3: but a step of another process between them is', async () => {
    const { clock, one, two } = await world()
    await two.namespace('n3').getOrSet('other', () => 'old')
    const storming = storm(two, clock, 50, ['n3'])
    await one.namespace('n3').delete('other')
    await storming
    expect(await two.namespace('n3').get('other')).toBeUndefined()
  })

  test.each<[string, (wake: Wake) => Wake]>([
    ['without a position', (wake) => () => wake()],
    [
      'with forged ones around it',
      (wake) => (at) => {
        const known = { epoch: at?.epoch ?? '', seq: 0 }
        for (const one of [known, { epoch: 'forged', seq: 0 }, at, known, { epoch: 'forged', seq: 9 }]) wake(one)
      },
    ],
    [
      'with a position of long ago first',
      (wake) => (at) => {
        wake({ epoch: at?.epoch ?? '', seq: 2 ** 52 })
        wake(at)
      },
    ],
  ])('G26: a push %s is asked about', async (_, push) => {
    const { clock, one, two } = await world(push)
    for (let step = 0; step < 20; step++) {
      await two.namespace('n3').getOrSet('k', () => 'old')
      await one.namespace('n3').delete('k')
      await clock.run(PACE_MS + 1)
      expect(await two.namespace('n3').get('k'), `step ${step}`).toBeUndefined()
    }
  })

  test('G6: a push of a new epoch is asked about, though its number is lower', async () => {
    const { clock, one, two, server } = await world()
    await storm(one, clock, 20, ['n3'])
    await two.namespace('n3').getOrSet('k', () => 'old')
    server.loseRecord()
    await one.namespace('n3').delete('k')
    await clock.run(PACE_MS + 1)
    expect(await two.namespace('n3').get('k')).toBeUndefined()
  })

  test('G3: a push during a question is asked about after it', async () => {
    const { clock, one, two, slow } = await world()
    slow.ms = 10
    const space = two.namespace('n3')
    await space.getOrSet('a', () => 'old')
    await space.getOrSet('b', () => 'old')
    await one.namespace('n3').delete('a')
    await clock.run(PACE_MS + 1)
    await one.namespace('n3').delete('b')
    await clock.run(2 * slow.ms)
    expect(await space.get('a')).toBeUndefined()
    expect(await space.get('b')).toBeUndefined()
  })

  test('a namespace that is closed is not asked about', async () => {
    const { clock, one, two, asked } = await world()
    await storm(one, clock, 10, ['n3'])
    const closed = two.namespace('n3').close()
    await one.namespace('n3').delete('k')
    await clock.run(5)
    await closed
    asked.length = 0
    await storm(one, clock, 20, ['n3'])
    expect(asked.filter(({ namespace }) => namespace === 'pushes:n3:')).toEqual([])
  })
})

describe('keys that a push names', () => {
  test('G3: they are gone before the question is answered, and a read of them waits for it', async () => {
    const { clock, one, two, slow } = await world()
    slow.ms = 50
    const space = two.namespace('n3')
    let loads = 0
    const load = (): string => `new ${++loads}`
    await one.namespace('n3').delete('k')
    await clock.run(1)
    expect(await space.peek('k')).toBeUndefined()
    const values: unknown[] = []
    for (let reader = 0; reader < 3; reader++) void space.getOrSet('k', load).then((value) => values.push(value))
    await clock.run(40)
    expect(values, 'loaded as of a number below the line, it would be loaded twice').toEqual([])
    await clock.run(100)
    expect(values).toEqual(['new 1', 'new 1', 'new 1'])
    slow.ms = 0
    await clock.run(200)
    expect(await space.getOrSet('k', load)).toBe('new 1')
  })

  test('G3: so is a load that began before is not joined', async () => {
    const { clock, one, two, slow } = await world()
    const space = two.namespace('n3')
    let end = (): void => {}
    const first = space.getOrSet('x', () => new Promise<string>((resolve) => (end = () => resolve('old'))))
    await clock.run(5)
    slow.ms = 50
    await one.namespace('n3').delete('x')
    await clock.run(1)
    const second = space.getOrSet('x', () => 'new')
    await clock.run(5)
    end()
    await clock.run(200)
    expect(await Promise.all([first, second])).toEqual(['old', 'new'])
  })

  const after = (at: Position | undefined, by: number): Position => ({
    epoch: at?.epoch ?? '',
    seq: (at?.seq ?? 0) + by,
  })
  test.each<[string, (wake: Wake) => Wake]>([
    ['of a number far ahead', (wake) => (at) => wake(after(at, 2 ** 40), ['k'])],
    ['of a number long ago', (wake) => (at) => wake(after(at, -(at?.seq ?? 0)), ['k'])],
    ['of another epoch', (wake) => () => wake({ epoch: 'forged', seq: 9 }, ['k'])],
    ['without a position', (wake) => () => wake(undefined, ['k'])],
    ['that nobody has', (wake) => (at) => wake(after(at, 1), ['nowhere', '', '__proto__'])],
  ])('G26: forged ones %s cost a read of the tier below each, and are kept again', async (_, push) => {
    const { clock, one, two, asked } = await world(push)
    const space = two.namespace('n3')
    let loads = 0
    for (let step = 0; step < 20; step++) {
      await one.namespace('n3').delete('other')
      await clock.run(PACE_MS + 1)
      expect(await space.getOrSet('k', () => `load ${++loads}`)).toBe('old')
      await clock.run(PACE_MS + 1)
      asked.length = 0
      expect(await space.peek('k'), 'in memory again').toBe('old')
      expect(asked).toEqual([])
    }
    expect(loads).toBe(0)
  })

  test('G1: an entry that was stored after the line is not dropped by its late push', async () => {
    const late: (() => void)[] = []
    const { clock, one, two } = await world((wake) => (at, keys) => void late.push(() => wake(at, keys)))
    const space = two.namespace('n3')
    await one.namespace('n3').delete('k')
    await clock.run(200)
    await space.set('k', 'newer')
    for (const push of late) push()
    expect(await space.peek('k')).toBe('newer')
  })

  test('of a step of this process, before its reply, leave what it sets in memory', async () => {
    const { clock, two, slow } = await world()
    slow.stepMs = PACE_MS / 2
    const space = two.namespace('n3')
    for (const value of ['new', 'newer']) {
      const set = space.set('k', value)
      await clock.run(10)
      await set
      expect(await space.peek('k')).toBe(value)
    }
  })
})

describe('the pace', () => {
  const asks = (pushes: Pushes) => {
    const asked: string[] = []
    const one = { askPushed: () => void asked.push('one') }
    return { asked, push: () => pushes.add(one, true) }
  }

  test('goes on where a timer was dropped, as under faked timers that are real again', async () => {
    const time = { ms: 1000 }
    const timers: (() => void)[] = []
    const clock: Clock = {
      now: () => time.ms,
      coarse: 1000,
      monotonic: () => time.ms,
      after: (_, run) => {
        timers.push(run)
        return () => {}
      },
    }
    for (const later of [1100, 5]) {
      const { asked, push } = asks(new Pushes(clock))
      time.ms = 1000
      push()
      timers.splice(0)
      time.ms = later
      push()
      for (const run of timers.splice(0)) run()
      expect(asked).toEqual(['one'])
    }
  })
})
