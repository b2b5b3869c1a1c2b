// The factory of bentocache's tests. It makes ours: over memory, and over SQLite where the tests ask for Redis, shared
// by all caches of a test.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCache, memory } from 'millpond'
import { type BentocacheOptions, bentocache } from 'millpond/compat/bentocache'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterEach, beforeEach } from 'vitest'

/** Options of the whole cache here, or of a driver. */
const ELSEWHERE = ['emitter', 'logger', 'l1Driver', 'l2Driver', 'busDriver', 'busOptions', 'serializer', 'prefix']
const closing: (() => Promise<void>)[] = []
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millpond-suite-'))
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  rmSync(folder, { recursive: true, force: true })
})

export class CacheFactory {
  #options: BentocacheOptions = {}
  #isShared = false

  merge(options: object): this {
    const own = Object.entries(options).filter(([name]) => !ELSEWHERE.includes(name))
    this.#options = { ...this.#options, ...Object.fromEntries(own) }
    return this
  }
  withMemoryL1(): this {
    return this
  }
  withRedisL2(): this {
    this.#isShared = true
    return this
  }
  withL1L2Config(): this {
    return this.withRedisL2()
  }
  create() {
    const held = createCache({
      tiers: [memory(), ...(this.#isShared ? [sqlite({ path: join(folder, 'shared.db') })] : [])],
    })
    closing.push(() => held.close())
    const cache = bentocache(held, this.#options)
    return Object.assign([cache], { cache })
  }
}
