// The origins: a connection pool each, used in turn; those that have failed recently or report that they are unhealthy
// are skipped.
import { Pool } from 'undici'
import type { ProxySettings } from './options.ts'

/** How long an unreachable origin is skipped, while there is another. */
const DOWN_MS = 5_000
const HEALTH_MS = 5_000

export interface Origin {
  readonly url: URL
  readonly pool: Pool
  /** Skipped until then, in milliseconds of the monotonic clock. */
  downUntil: number
}

export class Origins {
  readonly #origins: readonly Origin[]
  #next = 0
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(settings: ProxySettings) {
    const { connections, connectTimeout, originTimeout, maxHeaderBytes } = settings
    this.#origins = settings.origins.map((url) => ({
      url,
      downUntil: 0,
      pool: new Pool(url, {
        connections,
        connect: { timeout: connectTimeout },
        headersTimeout: originTimeout,
        bodyTimeout: originTimeout,
        maxHeaderSize: maxHeaderBytes,
      }),
    }))
    const { healthPath } = settings
    if (healthPath === undefined) return
    void this.#check(healthPath)
    this.#timer = setInterval(() => void this.#check(healthPath), HEALTH_MS)
    this.#timer.unref()
  }

  /** The next healthy one; if there is none, the next one. */
  take(): Origin {
    const now = performance.now()
    const count = this.#origins.length
    for (let step = 0; step < count; step++) {
      const origin = this.#origins[(this.#next + step) % count] as Origin
      if (origin.downUntil > now) continue
      this.#next = (this.#next + step + 1) % count
      return origin
    }
    this.#next = (this.#next + 1) % count
    return this.#origins[this.#next] as Origin
  }

  states(): { readonly url: string; readonly isUp: boolean }[] {
    const now = performance.now()
    return this.#origins.map(({ url, downUntil }) => ({ url: url.origin, isUp: downUntil <= now }))
  }

  async #check(path: string): Promise<void> {
    await Promise.all(
      this.#origins.map(async (origin) => {
        const isWell = await origin.pool
          .request({ path, method: 'GET', headersTimeout: HEALTH_MS })
          .then(async ({ statusCode, body }) => {
            await body.dump()
            return statusCode < 500
          })
          .catch(() => false)
        origin.downUntil = isWell ? 0 : performance.now() + 2 * HEALTH_MS
      }),
    )
  }

  /** Waits for running requests. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#origins.map(({ pool }) => pool.close()))
  }

  async destroy(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#origins.map(({ pool }) => pool.destroy()))
  }
}

/** Skips the origin for a while. */
export function leaveOut(origin: Origin): void {
  origin.downUntil = performance.now() + DOWN_MS
}
