// A write log in Redis or Valkey (durability `stream`): acknowledged writes survive the process that accepted them, and
// the server.
//
// Each process has its own stream under a lease, so that writers do not wait for each other; a process that finds a
// stream with an expired lease takes all of it over, in order. A process that was frozen, and comes back, finds itself
// fenced. Only the latest write of a key is kept (decision 0049).
import { createHash, randomUUID } from 'node:crypto'
import type { Clock } from '../../core/contracts.ts'
import { isError, MillpondError, reasonOf } from '../../core/errors.ts'
import type { WriteLog } from '../write-behind/contract.ts'
import { CONFIG_GET, checkDurable, type Demand, settingsFrom } from './durability.ts'
import { SCRIPTS } from './scripts.ts'

/** The used part of an ioredis client (Redis or Cluster). */
export interface StreamClient {
  call(command: string, args: (string | number | Buffer)[]): Promise<unknown>
  /** The same, with bytes for strings. */
  callBuffer(command: string, args: (string | number | Buffer)[]): Promise<unknown>
}

export interface RedisLogOptions extends Demand {
  readonly client: StreamClient
  /** Which log, of all on the server. */
  readonly name: string
  /** Replicas that must have a write before it is acknowledged. */
  readonly replicas: number
  readonly timeoutMs: number
  readonly clock: Clock
  readonly onError: (error: unknown) => void
  /**
   * For tests: how long a server must have been up before expired owners are treated as dead, in seconds. Default 10.
   */
  readonly graceS?: number | undefined
  /** The URL, for its own connection. */
  readonly end?: (() => void) | undefined
}

const LEASE_MS = 30_000
const BEAT_MS = 5000
const SETTLE_MS = 50
const MAX_SETTLES = 500
/** A restarted server may have lost the leases of live owners, which renew them first. */
const GRACE_S = 10

export class RedisLog implements WriteLog {
  readonly #options: RedisLogOptions
  readonly #base: string
  readonly #id = randomUUID()
  #isClaimed = false
  #isClosing = false
  /** Why nothing is accepted any more. */
  #refusal: MillpondError | undefined
  #settled = new Map<string, number>()
  #cancelSettle: (() => void) | undefined
  #cancelBeat: (() => void) | undefined
  #found: (() => void) | undefined

  /** Does not start. */
  constructor(options: RedisLogOptions) {
    this.#options = options
    this.#base = `{millpond:writes:${options.name}}`
  }

  async append(entries: readonly { readonly key: string; readonly body: Uint8Array }[]): Promise<readonly number[]> {
    if (this.#refusal !== undefined) throw this.#refusal
    const { replicas, timeoutMs } = this.#options
    const answer = await this.#step('append', ...entries.flatMap(({ key, body }) => [key, Buffer.from(body)]))
    if (replicas > 0) {
      const held = Number(await this.#timed('WAIT', this.#options.client.call('WAIT', [replicas, timeoutMs])))
      if (!(held >= replicas))
        throw failed('WAIT', `${held} of ${replicas} replicas have it: it is unknown whether it is stored`)
    }
    return listOf(answer).map(Number)
  }

  settle(key: string, number: number): void {
    if ((this.#settled.get(key) ?? 0) < number) this.#settled.set(key, number)
    this.#cancelSettle ??= this.#options.clock.after(SETTLE_MS, () => {
      this.#cancelSettle = undefined
      void this.#sendSettled().catch(() => {}) // unrecorded ones are repeated
    })
  }

  async recover(): ReturnType<WriteLog['recover']> {
    if (!this.#isClaimed) await this.#claim()
    const latest = new Map<string, { readonly key: string; readonly number: number; readonly body: Uint8Array }>()
    const owners = listOf(await this.#step('beat')).map(String)
    for (let index = 0; index < owners.length; index += 2) {
      const dead = owners[index] ?? ''
      if (owners[index + 1] !== '0') await this.#grace()
      for (let left = 1; left > 0; ) {
        const [rest, ...taken] = listOf(await this.#step('adopt', dead))
        left = Number(rest)
        for (let at = 0; at + 2 < taken.length; at += 3) {
          const [key, number, body] = [String(taken[at]), Number(taken[at + 1]), taken[at + 2]]
          if (body instanceof Uint8Array && (latest.get(key)?.number ?? 0) < number)
            latest.set(key, { key, number, body })
        }
      }
    }
    return { records: [...latest.values()].sort((a, b) => a.number - b.number), lostBytes: 0 }
  }

  async scrub(): Promise<void> {
    await this.#sendSettled()
  }

  /** Called when another process has died, and its leftovers can be taken over. */
  watch(found: () => void): void {
    this.#found = found
  }

  async close(): Promise<void> {
    this.#isClosing = true
    this.#cancelSettle?.()
    this.#cancelBeat?.()
    this.#found = undefined
    try {
      if (this.#isClaimed) {
        await this.#sendSettled()
        await this.#step('leave')
      }
    } catch (error) {
      this.#options.onError(error) // unrecorded ones are repeated
    }
    this.#refusal ??= new MillpondError('CLOSED', 'the write log is closed: open another collection')
    this.#options.end?.()
  }

  async #claim(): Promise<void> {
    await this.#checkServer()
    await this.#step('claim')
    this.#isClaimed = true
    this.#beatSoon()
  }

  /**
   * Checked periodically: after a failover the server may have other settings.
   * @throws MillpondError `OPTION_INVALID`, `JOURNAL_FAILED`.
   */
  async #checkServer(): Promise<void> {
    if (this.#options.assumeDurable) return
    const answer = await this.#timed('CONFIG GET', this.#options.client.call('CONFIG', [...CONFIG_GET])).catch(
      (error: unknown) => {
        if (isRefusal(error)) return []
        throw error
      },
    )
    checkDurable(settingsFrom(answer), this.#options)
  }

  #beatSoon(): void {
    this.#cancelBeat = this.#options.clock.after(BEAT_MS, () => {
      void this.#beat().finally(() => {
        if (this.#refusal === undefined && !this.#isClosing) this.#beatSoon()
      })
    })
  }

  async #beat(): Promise<void> {
    try {
      await this.#checkServer()
      const dead = listOf(await this.#step('beat'))
      if (dead.length > 0) this.#found?.()
    } catch (error) {
      if (this.#isClosing) return
      if (error instanceof MillpondError && error.code === 'OPTION_INVALID') this.#refusal = error
      this.#options.onError(error)
    }
  }

  async #grace(): Promise<void> {
    const { graceS = GRACE_S } = this.#options
    const text = String(await this.#timed('INFO', this.#options.client.call('INFO', ['server'])).catch(() => ''))
    const upS = Number(/uptime_in_seconds:(\d+)/.exec(text)?.[1] ?? graceS)
    if (upS < graceS)
      await new Promise<void>((resolve) => this.#options.clock.after((graceS - upS) * 1000, resolve, true))
  }

  async #sendSettled(): Promise<void> {
    const all = [...this.#settled]
    this.#settled = new Map()
    for (let at = 0; at < all.length; at += MAX_SETTLES) {
      const some = all.slice(at, at + MAX_SETTLES)
      try {
        await this.#step('settle', ...some.flat())
      } catch (error) {
        for (const [key, number] of all.slice(at))
          if ((this.#settled.get(key) ?? 0) < number) this.#settled.set(key, number)
        throw error
      }
    }
  }

  async #step(name: keyof typeof SCRIPTS, ...more: (string | number | Buffer)[]): Promise<unknown> {
    try {
      return await this.#timed(name, this.#run(SCRIPTS[name], [this.#base, this.#id, LEASE_MS, ...more]))
    } catch (error) {
      if (!(isError(error) && error.message.includes('TAKEN')))
        throw error instanceof MillpondError ? error : failed(name, reasonOf(error), error)
      this.#refusal ??= new MillpondError(
        'JOURNAL_FAILED',
        'another process has taken over the writes of this one, which did not answer for 30 s: open the collection again',
      )
      throw this.#refusal
    }
  }

  async #run(script: string, [base = '', ...args]: (string | number | Buffer)[]): Promise<unknown> {
    const { client } = this.#options
    try {
      return await client.callBuffer('EVALSHA', [hashOf(script), 1, base, ...args])
    } catch (error) {
      // A restarted server, or the first use.
      if (!(isError(error) && error.message.startsWith('NOSCRIPT'))) throw error
      return client.callBuffer('EVAL', [script, 1, base, ...args])
    }
  }

  #timed<T>(what: string, work: Promise<T>): Promise<T> {
    const { clock, timeoutMs } = this.#options
    return new Promise((resolve, reject) => {
      const cancel = clock.after(
        timeoutMs,
        () => reject(failed(what, `no answer in ${timeoutMs} ms: it is unknown whether it was done`)),
        true,
      )
      work
        .then(resolve, (error: unknown) => reject(isRefusal(error) ? error : failed(what, reasonOf(error), error)))
        .finally(cancel)
    })
  }
}

/** The server has answered, and does not do it. */
const isRefusal = (error: unknown): boolean => isError(error) && error.name === 'ReplyError'

const failed = (what: string, why: string, cause?: unknown): MillpondError =>
  new MillpondError('JOURNAL_FAILED', `the write log in Redis: ${what}: ${why}`, withoutValues(cause))

/** A command's error contains its arguments, which are the written values. */
const withoutValues = (cause: unknown): { readonly cause?: unknown } =>
  cause === undefined || (typeof cause === 'object' && cause !== null && 'command' in cause) ? {} : { cause }

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

const hashes = new Map<string, string>()

function hashOf(script: string): string {
  const hash = hashes.get(script) ?? createHash('sha1').update(script).digest('hex')
  hashes.set(script, hash)
  return hash
}
