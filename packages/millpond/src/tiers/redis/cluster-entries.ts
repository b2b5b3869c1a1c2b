// Entries in a cluster: each on the server of its own slot, apart from the ledger's record.
//
// The ledger has advanced before anything is dropped or written here, and readers judge by it: a drop or a write that
// fails or comes late leaves an entry that no reader trusts, because the ledger keeps its key targets (as for tiers
// beside its own). A late write must not replace a later one: so every write names its number, and the server compares.

import type { Stored, TierItem } from '../../core/contracts.ts'
import { type ErrorCode, isError, MillpondError } from '../../core/errors.ts'
import { restore } from '../record-head.ts'
import type { ClusterConnection } from './connection-cluster.ts'
import { type KeyCommand, scriptCommand } from './key-commands.ts'
import { PUT } from './ledger-commit.ts'
import type { Names } from './names.ts'
import { store, timeToLive } from './record.ts'
import { scanNames } from './scan.ts'

const FAILED = 'TIER_FAILED'

export class ClusterEntries {
  readonly #connection: ClusterConnection
  readonly #names: Names

  constructor(connection: ClusterConnection, names: Names) {
    this.#connection = connection
    this.#names = names
  }

  /** Keys of a server that did not answer count as absent, unless none did. */
  async read(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    const commands = keys.map((key): KeyCommand => {
      const name = this.#names.entry(key)
      // MGET does not fail for a key of another type.
      return { key: name, words: ['MGET', name] }
    })
    const replies = await this.#connection.each('read', FAILED, commands)
    const now = Date.now()
    return replies.map((reply) => restore(Array.isArray(reply) ? reply[0] : undefined, now))
  }

  async write(items: readonly TierItem[]): Promise<void> {
    await this.#all('write', FAILED, this.#puts(items))
  }

  async drop(keys: readonly string[]): Promise<number> {
    return this.#unlink(keys.map((key) => this.#names.entry(key)))
  }

  async clear(prefix: string): Promise<number> {
    let removed = 0
    for await (const names of this.#scan('clear', prefix)) removed += await this.#unlink(names.map(String))
    return removed
  }

  async *scan(prefix: string): AsyncGenerator<readonly string[]> {
    for await (const names of this.#scan('scan', prefix)) {
      const keys = names.flatMap((name) => this.#names.keyOf(name.toString()) ?? [])
      if (keys.length > 0) yield keys
    }
  }

  /** After the ledger has advanced: drops, then writes, as far as the servers answer. */
  async settle(
    what: string,
    code: ErrorCode,
    drop: readonly string[],
    write: readonly TierItem[],
  ): Promise<{ readonly wasThere: readonly boolean[]; readonly stored: readonly boolean[] }> {
    const commands = [...drop.map((key) => unlink(this.#names.entry(key))), ...this.#puts(write)]
    if (commands.length === 0) return { wasThere: [], stored: [] }
    const replies = await this.#connection.each(what, code, commands).catch((error: unknown) => {
      if (error instanceof MillpondError) return commands.map(() => error)
      throw error
    })
    const done = replies.map((reply) => !isError(reply) && Number(reply) === 1)
    return { wasThere: done.slice(0, drop.length), stored: done.slice(drop.length) }
  }

  #puts(items: readonly TierItem[]): KeyCommand[] {
    const now = Date.now()
    return items.map(({ key, body, expiresAt, asOf }) =>
      scriptCommand(PUT, this.#names.entry(key), [
        asOf.epoch,
        asOf.seq,
        timeToLive(expiresAt, now),
        store(asOf, body, expiresAt),
      ]),
    )
  }

  async #unlink(names: readonly string[]): Promise<number> {
    const replies = await this.#all('drop', FAILED, names.map(unlink))
    return replies.reduce<number>((sum, reply) => sum + Number(reply), 0)
  }

  async #all(what: string, code: ErrorCode, commands: readonly KeyCommand[]): Promise<unknown[]> {
    const replies = await this.#connection.each(what, code, commands)
    for (const reply of replies) if (isError(reply)) throw reply
    return replies
  }

  async *#scan(what: string, prefix: string): AsyncGenerator<Buffer[]> {
    const match = this.#names.match(prefix)
    for (const master of await this.#connection.masters(what, FAILED)) yield* scanNames(master, what, match)
  }
}

const unlink = (name: string): KeyCommand => ({ key: name, words: ['UNLINK', name] })
