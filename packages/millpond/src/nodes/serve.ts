// Answers the requests to this node: each once, and none after its deadline.
import type { Clock } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import type { NodeStore, StoredRequest } from '../core/nodes.ts'
import type { NodeCounters, RequestContext, RequestHandler } from './contract.ts'
import { decodeMessage, encodeMessage, fieldOf, isNodeWord, reasonOf } from './message.ts'

/** Concurrent handlers; further requests are refused. */
const MAX_RUNNING = 64
const RETRY_MS = 100
/** How long an answer outlives its deadline, so that an asker with a slow clock still finds it. */
const GRACE_MS = 5000

export interface Served {
  readonly store: NodeStore
  readonly channel: string
  readonly clock: Clock
  readonly boot: string
  readonly counters: NodeCounters
  /** May change when another process takes it over. */
  readonly id: () => string
}

export class Server {
  readonly #served: Served
  readonly #handlers = new Map<string, RequestHandler>()
  readonly #running = new Set<Promise<void>>()

  constructor(served: Served) {
    this.#served = served
  }

  on(topic: string, handler: RequestHandler): () => void {
    this.#handlers.set(topic, handler)
    return () => {
      if (this.#handlers.get(topic) === handler) this.#handlers.delete(topic)
    }
  }

  take(request: StoredRequest): void {
    const { counters, id } = this.#served
    const message = decodeMessage(request.text)
    const topic = fieldOf(message, 'topic')
    if (!isNodeWord(request.id) || !isNodeWord(request.from) || typeof topic !== 'string') {
      counters.ignored++
      return
    }
    if ((request.to !== undefined && !request.to.includes(id())) || !(request.leftMs > 0)) return
    const work = this.#answer(request, topic, fieldOf(message, 'body')).finally(() => this.#running.delete(work))
    this.#running.add(work)
  }

  /** Waits for running handlers. */
  async settled(): Promise<void> {
    await Promise.all(this.#running)
  }

  async #answer(request: StoredRequest, topic: string, body: unknown): Promise<void> {
    const { clock } = this.#served
    const endAt = clock.monotonic() + request.leftMs
    const handler = this.#handlers.get(topic)
    if (handler === undefined) return this.#reply(request, '{"status":"refused"}', endAt)
    const text =
      this.#running.size >= MAX_RUNNING
        ? failure(`${MAX_RUNNING} requests are already being served here: ask again later`)
        : await this.#run(handler, body, request)
    // An answer after the deadline is not awaited.
    if (text !== undefined) await this.#reply(request, text, endAt)
  }

  async #run(handler: RequestHandler, body: unknown, { from, leftMs }: StoredRequest): Promise<string | undefined> {
    const { clock, counters } = this.#served
    const controller = new AbortController()
    let cancel = (): void => {}
    const late = new Promise<undefined>((resolve) => {
      cancel = clock.after(leftMs, () => {
        controller.abort()
        resolve(undefined)
      })
    })
    const text = await Promise.race([answered(handler, body, { from, leftMs, signal: controller.signal }), late])
    cancel()
    if (text !== undefined) counters.requests++
    return text
  }

  /** Retried while the store is unreachable, until the deadline. */
  async #reply(request: StoredRequest, text: string, endAt: number): Promise<void> {
    const { store, channel, clock, boot, counters, id } = this.#served
    for (;;) {
      try {
        await store.reply(channel, request, { id: id(), boot, text }, Math.max(0, endAt - clock.monotonic()) + GRACE_MS)
        return
      } catch {
        counters.failures++
      }
      if (clock.monotonic() + RETRY_MS >= endAt) return
      await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve))
    }
  }
}

async function answered(handler: RequestHandler, body: unknown, context: RequestContext): Promise<string> {
  try {
    return encodeMessage('the answer', { status: 'answered', body: (await handler(body, context)) ?? null })
  } catch (error) {
    return failure(reasonOf(error), error instanceof MillpondError ? error.code : undefined)
  }
}

/** Earlier releases do not read the code, and send none. */
const failure = (error: string, code?: string): string =>
  encodeMessage('the failure', { status: 'failed', error, ...(code !== undefined && { code }) })
