// The outage suite of tiers: what a tier on a server must do while the server or the network fails.
import assert from 'node:assert/strict'
import type { Tier } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import type { FaultProxy } from './fault-proxy.ts'
import type { FaultableServer } from './nemesis.ts'
import { type Case, type Runner, register, until } from './runner.ts'
import { stopwatch } from './stopwatch.ts'
import { item } from './tier.ts'

/** A tier and the server that it uses. */
export interface OutageSubject {
  /** Names the tier in the title of the suite. */
  readonly name: string
  /**
   * A new tier that reaches the server through `link`. Called once per case; the case closes it. It must give up a
   * silent server within a second.
   */
  readonly open: () => Promise<Tier>
  /** The server, and the proxy in front of it. Healthy before each case, and healed after it. */
  readonly server: () => Pick<FaultableServer, 'pause' | 'resume' | 'kill' | 'restart'>
  /** The proxy through which the tier reaches the server. */
  readonly link: () => FaultProxy
  /** Ids of cases that this tier cannot pass, each with the reason. */
  readonly skips?: Readonly<Record<string, string>>
}

/** Runs the suite: `describeOutage({ describe, it }, { name: 'redis', open, server, link })`. */
export function describeOutage(runner: Runner, subject: OutageSubject): void {
  register(runner, `${subject.name} in an outage`, subject, outageCases, subject.skips ?? {})
}

/**
 * A call to a silent server ends within this time, in milliseconds; time in which the event loop was late does not
 * count.
 */
const SOON_MS = 1500
const BACK_MS = 15_000
const BURST = 2000

const codeOf = (error: unknown): string | undefined => (error instanceof MillpondError ? error.code : undefined)
const isTyped = (error: unknown): boolean => codeOf(error) === 'TIER_FAILED' || codeOf(error) === 'CLOSED'

async function using(subject: OutageSubject, body: (tier: Tier) => Promise<void>): Promise<void> {
  const tier = await subject.open()
  try {
    await body(tier)
  } finally {
    subject.server().resume()
    await subject.link().heal()
    await tier.close()
  }
}

/** Every verb fails with a typed error, in time, and so does the ledger, if the tier holds one. */
async function failsInTime(tier: Tier): Promise<void> {
  const waited = stopwatch()
  const pulled = tier.ledger?.pull('ns').then(() => 'an answer', codeOf)
  const calls = await Promise.allSettled([tier.read(['k']), tier.write([item('k')]), tier.drop(['gone'])])
  if (pulled !== undefined) assert.equal(await pulled, 'LEDGER_UNREACHABLE')
  const ms = waited()
  for (const call of calls)
    assert.ok(
      call.status === 'rejected' && isTyped(call.reason),
      `expected a typed failure, not ${JSON.stringify(call)}`,
    )
  assert.ok(ms < SOON_MS, `in time: it took ${Math.round(ms)} ms`)
}

/**
 * A signal takes a moment, so calls made meanwhile may still be answered. Returns how long the first call waited that
 * was not.
 */
async function freeze(subject: OutageSubject, tier: Tier): Promise<number> {
  subject.server().pause()
  let waitedMs = 0
  await until('the server to stand still', () => {
    const waited = stopwatch()
    return tier.read(['k']).then(
      () => {
        waited()
        return false
      },
      () => {
        waitedMs = waited()
        return true
      },
    )
  })
  return waitedMs
}

/** With one deadline each this would take 20 of them. */
async function failsAtOnce(tier: Tier, deadlineMs: number): Promise<void> {
  const waited = stopwatch()
  for (let call = 0; call < 20; call++) assert.ok(isTyped(await tier.read(['k']).catch((error: unknown) => error)))
  const ms = waited()
  assert.ok(
    ms < 10 * deadlineMs,
    `in time: 20 calls took ${Math.round(ms)} ms, the first alone ${Math.round(deadlineMs)} ms`,
  )
}

const isBack = (tier: Tier): Promise<void> =>
  until(
    'the tier to answer again',
    () =>
      tier.read(['k']).then(
        () => true,
        () => false,
      ),
    BACK_MS,
  )

/** Each of several connections may need a call of its own to be found lost. */
async function works(tier: Tier): Promise<void> {
  const isStored = async (): Promise<boolean> => {
    await tier.write([item('after', 'after')])
    const [stored] = await tier.read(['after'])
    assert.equal(stored && new TextDecoder().decode(stored.body), 'after')
    return true
  }
  await until(
    'the tier to store and read again',
    () =>
      isStored().catch((error: unknown) => {
        if (!isTyped(error)) throw error
        return false
      }),
    BACK_MS,
  )
}

/** All cases. */
export const outageCases: readonly Case<OutageSubject>[] = [
  {
    id: 'absent',
    title: 'T9: a server that is not there yet: typed failures in time, and it is used when it comes',
    run: async (subject) => {
      await subject.link().set({ kind: 'refuse' })
      await using(subject, async (tier) => {
        await failsInTime(tier)
        await subject.link().heal()
        await isBack(tier)
        await works(tier)
      })
    },
  },
  {
    id: 'frozen',
    title:
      'G14: a frozen server: typed failures in time, nothing pends, later calls do not wait longer, and it is used when it is back',
    run: (subject) =>
      using(subject, async (tier) => {
        await tier.write([item('k')])
        const deadlineMs = await freeze(subject, tier)
        await failsInTime(tier)
        await failsAtOnce(tier, deadlineMs)
        subject.server().resume()
        await isBack(tier)
        await works(tier)
      }),
  },
  {
    id: 'killed',
    title: 'G6: killed and restarted: typed failures in time, and it is used when it is back',
    run: (subject) =>
      using(subject, async (tier) => {
        await tier.write([item('k')])
        await subject.server().kill()
        try {
          await failsInTime(tier)
        } finally {
          await subject.server().restart()
        }
        await isBack(tier)
        await works(tier)
      }),
  },
  {
    id: 'half-open',
    title: 'connections over which nothing comes back are given up in time and replaced',
    run: (subject) =>
      using(subject, async (tier) => {
        await tier.write([item('k')])
        await subject.link().set({ kind: 'half-open', dead: 'down', lost: true })
        await failsInTime(tier)
        await subject.link().heal()
        await isBack(tier)
        await works(tier)
      }),
  },
  {
    id: 'slow',
    title: 'a server that answers, but much too late: typed failures in time, and it is used when it is faster',
    run: (subject) =>
      using(subject, async (tier) => {
        await tier.write([item('k')])
        await subject.link().set({ kind: 'delay', ms: 10 * SOON_MS })
        await failsInTime(tier)
        await subject.link().heal()
        await isBack(tier)
        await works(tier)
      }),
  },
  {
    id: 'torn',
    title: 'an answer that ends in the middle is a typed failure or a right answer, never half a value',
    run: (subject) =>
      using(subject, async (tier) => {
        const body = 'x'.repeat(100_000)
        await tier.write([item('k', body)])
        await subject.link().set({ kind: 'cut', afterBytes: 5000, direction: 'down' })
        const answer = await tier.read(['k']).catch((error: unknown) => assert.ok(isTyped(error), String(error)))
        if (Array.isArray(answer) && answer[0] !== undefined) assert.equal(answer[0].body.length, body.length)
        await subject.link().heal()
        await isBack(tier)
        await works(tier)
      }),
  },
  {
    id: 'closing',
    title: 'closing while it is frozen ends in time; what was under way settles with a typed error',
    run: (subject) =>
      using(subject, async (tier) => {
        await tier.write([item('k')])
        await freeze(subject, tier)
        const reading = tier.read(['k']).catch((error: unknown) => error)
        const waited = stopwatch()
        await tier.close()
        assert.ok(waited() < SOON_MS, 'in time: close took too long')
        assert.ok(isTyped(await reading))
      }),
  },
  {
    id: 'reconnecting',
    title:
      'closing while it is gone ends in time; calls under way settle with a typed error, and no connection is made when the server is back',
    run: (subject) =>
      using(subject, async (tier) => {
        await works(tier)
        await subject.link().set({ kind: 'refuse' })
        await until('the tier to find the server gone', () => tier.read(['k']).then(() => false, isTyped))
        const under = [tier.read(['k']), tier.write([item('k')]), tier.drop(['k'])].map((call) =>
          call.catch((error: unknown) => error),
        )
        const waited = stopwatch()
        await tier.close()
        assert.ok(waited() < SOON_MS, 'in time: close took too long')
        for (const outcome of await Promise.all(under))
          assert.ok(isTyped(outcome), `expected a typed failure, not ${outcome}`)
        await subject.link().heal()
        assert.equal(codeOf(await tier.read(['k']).catch((error: unknown) => error)), 'CLOSED')
        // By the time that another tier has connected, a closed one would have reconnected too.
        const another = await subject.open()
        try {
          await isBack(another)
          await works(another)
        } finally {
          await another.close()
        }
        await until('the server to be left alone', () => subject.link().connections.length === 0)
      }),
  },
  {
    id: 'burst',
    title: 'many calls in one turn on a healthy server: none fails',
    run: (subject) =>
      using(subject, async (tier) => {
        const keys = Array.from({ length: BURST }, (_, at) => `burst/${at}`)
        for (let from = 0; from < BURST; from += 500)
          await tier.write(keys.slice(from, from + 500).map((key) => item(key)))
        const read = await Promise.all(keys.map((key) => tier.read([key])))
        assert.equal(read.filter(([stored]) => stored === undefined).length, 0)
      }),
  },
]
