// A shared tier with its ledger that exists only in memory, can lose everything or go back in time, and is reached over
// links that can fail.
import { randomBytes } from 'node:crypto'
import { checkOptions, flag, fn, oneOf, type Shape, whole } from '../core/checks.ts'
import type { Change, LeaseAsk, LedgerStore, Scope, Stored, Tier } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import type { Position } from '../core/ledger.ts'
import { LedgerRecord, type LedgerRecordOptions } from './simulator-ledger.ts'

export interface SimulatedServerOptions extends LedgerRecordOptions {
  /** Milliseconds, for leases and expiry. Default: the system's clock. */
  readonly now?: (() => number) | undefined
  /** Who sees it. Default `shared`. */
  readonly scope?: Scope | undefined
  /** What an epoch belongs to. `record` is a planted defect: the epoch comes back with old data. Default `server`. */
  readonly epochOf?: 'server' | 'record' | undefined
}

/**
 * How calls travel: `send` runs before the server acts, `back` before the caller gets the answer. Both may reject or
 * never resolve.
 */
export interface Transport {
  /** Before the server acts; `what` names the call. */
  send(what: string): Promise<void>
  /** Before the caller gets the answer; `what` names the call. */
  back(what: string): Promise<void>
  /** A hint on its way to a follower. */
  push(what: string): Promise<void>
}

export interface SimulatedServer {
  /** A tier over a link. Several may exist at a time, one per process. */
  connect(transport?: Transport): Tier & { readonly ledger: LedgerStore }
  /** Saves the current state. */
  save(): void
  /** Kills and starts it again: a new identity, empty or with the saved state. */
  restart(how: 'empty' | 'saved'): void
  /** Destroys one namespace's record, or all, as an eviction would. */
  loseRecord(namespace?: string): void
  /** The stored entries. */
  readonly entries: ReadonlyMap<string, Stored>
}

const AT_ONCE: Transport = { send: async () => {}, back: async () => {}, push: async () => {} }

const OPTIONS: Shape<SimulatedServerOptions> = {
  now: fn('a function that returns milliseconds'),
  scope: oneOf('process', 'host', 'shared'),
  epochOf: oneOf('server', 'record'),
  targets: whole(1),
  windowMs: whole(1),
  externalTiers: flag,
}

/** A shared tier in this process with a ledger: the plainest store that passes the suites. */
export function simulatedServer(options: SimulatedServerOptions = {}): SimulatedServer {
  checkOptions<SimulatedServerOptions>(options, OPTIONS, 'simulatedServer')
  const now = options.now ?? Date.now
  const entries = new Map<string, Stored>()
  const records = new Map<string, LedgerRecord>()
  const followers = new Map<string, Set<(at: Position, keys: readonly string[]) => void>>()
  let saved: readonly (readonly [string, Stored])[] = []
  let savedRecords: readonly (readonly [string, LedgerRecord])[] = []
  let external = options.externalTiers ?? false

  /** The record of this run of the server, or a new one with a new epoch. */
  function recordOf(namespace: string): LedgerRecord {
    const known = records.get(namespace)
    if (external) known?.coverOtherTiers()
    return known ?? begin(namespace)
  }

  function begin(namespace: string): LedgerRecord {
    const record = new LedgerRecord(randomBytes(9).toString('base64url'), entries, {
      ...options,
      externalTiers: external,
    })
    records.set(namespace, record)
    return record
  }

  function readOne(key: string): Stored | undefined {
    const stored = entries.get(key)
    // A caller that changes the bytes must not change what is stored.
    if (stored === undefined || stored.expiresAt > now()) return stored && { ...stored, body: stored.body.slice() }
    entries.delete(key)
    return undefined
  }

  function dropAll(keys: readonly string[]): number {
    return keys.filter((key) => entries.delete(key)).length
  }

  function connect(transport: Transport = AT_ONCE): Tier & { readonly ledger: LedgerStore } {
    let closed = false
    async function call<T>(what: string, act: () => T): Promise<T> {
      if (closed) throw unreachable(what)
      await transport.send(what)
      const result = act()
      await transport.back(what)
      return result
    }
    const scope = options.scope ?? 'shared'
    const ledger: LedgerStore = {
      scope,
      pull: (namespace, from) =>
        call('pull', () => {
          const record = recordOf(namespace)
          const isAhead = from !== undefined && from.epoch === record.epoch && from.seq > record.position.seq
          return (isAhead ? begin(namespace) : record).pull(from, now())
        }),
      unmoved: (places) =>
        call('unmoved', () =>
          places.map(({ namespace, position: { epoch, seq } }) => {
            const { position } = recordOf(namespace).pull({ epoch, seq }, now())
            return position.epoch === epoch && position.seq === seq
          }),
        ),
      advance: (namespace, change) =>
        call(`advance ${change.targets.map((target) => Object.values(target).join(' ')).join(', ')}`, () => {
          const advanced = recordOf(namespace).advance(change, now())
          const keys = change.mode === 'delete' ? keysOf(change) : []
          for (const wake of followers.get(namespace) ?? []) wake(advanced.position, keys)
          return advanced
        }),
      commit: (namespace, items) =>
        call(`commit ${items.map((item) => item.target).join(', ')}`, () => recordOf(namespace).commit(items, now())),
      lease: (namespace, key, id, ms) => call(`lease ${key}`, () => recordOf(namespace).lease(key, id, ms, now())),
      release: (namespace, key, id) => call(`release ${key}`, () => recordOf(namespace).release(key, id)),
      leaseAll: (namespace, asks, ms) =>
        call(`lease ${namesOf(asks)}`, () => asks.map(({ key, id }) => recordOf(namespace).lease(key, id, ms, now()))),
      releaseAll: (namespace, asks) =>
        call(`release ${namesOf(asks)}`, () => {
          for (const { key, id } of asks) recordOf(namespace).release(key, id)
        }),
      follow(namespace, wake) {
        const list = followers.get(namespace) ?? new Set()
        followers.set(namespace, list)
        const told = (at: Position, keys: readonly string[]): void =>
          void transport.push('wake').then(
            () => wake(at, keys),
            () => undefined,
          )
        list.add(told)
        return () => list.delete(told)
      },
      coverOtherTiers() {
        external = true
      },
    }
    return {
      name: 'simulated',
      scope,
      durable: true,
      ledger,
      read: (keys) => call('read', () => keys.map(readOne)),
      write: (items) =>
        call('write', () => {
          for (const { key, body, expiresAt, asOf } of items) entries.set(key, { body: body.slice(), expiresAt, asOf })
        }),
      drop: (keys) => call('drop', () => dropAll(keys)),
      clear: (prefix) => call('clear', () => dropAll([...entries.keys()].filter((key) => key.startsWith(prefix)))),
      async *scan(prefix) {
        yield await call('scan', () => [...entries.keys()].filter((key) => key.startsWith(prefix)))
      },
      usage: () =>
        call('usage', () => ({
          entries: entries.size,
          bytes: [...entries.values()].reduce((sum, { body }) => sum + body.length, 0),
        })),
      async close() {
        closed = true
      },
    }
  }

  return {
    connect,
    entries,
    save() {
      saved = [...entries]
      savedRecords = [...records].map(([namespace, record]) => [namespace, record.copy(entries)])
    },
    restart(how) {
      entries.clear()
      records.clear()
      if (how === 'empty') return
      for (const [key, stored] of saved) entries.set(key, stored)
      if (options.epochOf === 'record')
        for (const [namespace, record] of savedRecords) records.set(namespace, record.copy(entries))
    },
    loseRecord(namespace) {
      if (namespace === undefined) records.clear()
      else records.delete(namespace)
    },
  }
}

const keysOf = ({ targets }: Change): string[] => targets.flatMap((target) => (target.kind === 'key' ? target.key : []))

const namesOf = (asks: readonly LeaseAsk[]): string => asks.map(({ key }) => key).join(', ')

/** The error of a call over a broken link. */
export function unreachable(what: string): MillpondError {
  const code = ['read', 'write', 'drop', 'clear', 'scan', 'usage'].includes(what) ? 'TIER_FAILED' : 'LEDGER_UNREACHABLE'
  return new MillpondError(code, `simulated: ${what}: the link is down`)
}
