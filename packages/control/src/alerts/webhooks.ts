// Sends alerts to webhooks: signed, retried, and never to an address of this machine or its networks unless permitted.
import { createHmac, randomUUID } from 'node:crypto'
import { type LookupAddress, type LookupAllOptions, lookup } from 'node:dns'
import { setMaxListeners } from 'node:events'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { isPublic } from './addresses.ts'
import type { AlertView } from './alerts.ts'
import { type Webhook, withoutSecrets } from './settings.ts'

export interface WebhookOptions {
  /** Private addresses are permitted, for receivers within one's own network. */
  readonly allowPrivate: boolean
  readonly onWarning: (message: string) => void
  /** Milliseconds before each retry. */
  readonly retries?: readonly number[]
  /** Milliseconds that a receiver may take for each call. */
  readonly timeoutMs?: number
  /** Default: the system's resolver. */
  readonly resolve?: Resolve
}

type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

const RETRIES_MS = [1000, 5000, 30_000, 120_000]
const TIMEOUT_MS = 5000
/** Calls to one receiver that are waiting or in progress; further ones are reported and dropped. */
const MOST_WAITING = 200

export class Webhooks {
  readonly #options: WebhookOptions
  readonly #closing = new AbortController()
  /** By receiver, so that one that is dead takes no place from the others. */
  readonly #waiting = new Map<string, Set<Promise<void>>>()
  /** The last call about an alert to a receiver: the next one waits for it, so that they arrive in order. */
  readonly #last = new Map<string, Promise<void>>()

  constructor(options: WebhookOptions) {
    this.#options = options
    setMaxListeners(0, this.#closing.signal) // each call that is waiting or in progress adds a listener
  }

  /**
   * Sends in the background, what concerns one alert in order; what cannot be delivered is reported.
   *
   * @param had every severity that the alert has had: who was told that it is critical is told that it no longer is
   */
  tell(webhooks: readonly Webhook[], alert: AlertView, had: readonly string[] = [alert.severity]): void {
    for (const hook of webhooks) {
      if (!hook.severities.some((severity) => had.includes(severity))) continue
      const waiting = this.#waiting.get(hook.url) ?? new Set()
      if (waiting.size >= MOST_WAITING) {
        this.#options.onWarning(
          `a webhook at ${withoutSecrets(hook.url)} was not notified of ${alert.id}: ${MOST_WAITING} calls are already waiting`,
        )
        continue
      }
      const about = `${hook.url} ${alert.id}`
      const work = (this.#last.get(about) ?? Promise.resolve())
        .then(() => this.#deliver(hook, alert))
        .finally(() => {
          waiting.delete(work)
          if (waiting.size === 0) this.#waiting.delete(hook.url)
          if (this.#last.get(about) === work) this.#last.delete(about)
        })
      this.#waiting.set(hook.url, waiting.add(work))
      this.#last.set(about, work)
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all([...this.#waiting.values()].flatMap((calls) => [...calls]))
  }

  async #deliver(hook: Webhook, alert: AlertView): Promise<void> {
    const body = JSON.stringify({
      schema: 'millpond.alert/1',
      id: `evt_${randomUUID()}`,
      type: `alert.${alert.state}`,
      alert,
    })
    const { retries = RETRIES_MS, timeoutMs = TIMEOUT_MS, allowPrivate, onWarning, resolve } = this.#options
    for (let attempt = 0; ; attempt++) {
      const failure = await send(hook, body, {
        allowPrivate,
        timeoutMs,
        lookup: publicOnly(resolve),
        signal: this.#closing.signal,
      })
      if (failure === undefined || this.#closing.signal.aborted) return
      const wait = failure.isFinal ? undefined : retries[attempt]
      if (wait === undefined)
        return onWarning(`a webhook at ${withoutSecrets(hook.url)} was not notified of ${alert.id}: ${failure.why}`)
      await this.#pause(wait)
    }
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#closing
    return new Promise((resolve) => {
      const over = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', over)
        resolve()
      }
      const timer = setTimeout(over, ms)
      timer.unref()
      signal.addEventListener('abort', over)
    })
  }
}

interface Failure {
  readonly why: string
  /** A retry would not help. */
  readonly isFinal: boolean
}

/** Why the receiver must not be called; undefined: it may, as far as its name tells. */
export function refusedUrl(url: string, allowPrivate: boolean): string | undefined {
  const { hostname, username, password } = new URL(url)
  if (username !== '' || password !== '')
    return 'a URL must not contain a user name or password: the signature identifies the caller'
  if (allowPrivate) return undefined
  const plain = hostname.replace(/^\[|\]$/g, '')
  if (isIP(plain) !== 0 && !isPublic(plain)) return `${plain} is an address in a private network`
  return /(^|\.)(localhost|local|internal)\.?$/i.test(plain) ? `${plain} is a name in a private network` : undefined
}

interface Sending {
  readonly allowPrivate: boolean
  readonly timeoutMs: number
  readonly lookup: LookupFunction
  readonly signal: AbortSignal
}

function send(
  { url, secret }: Webhook,
  body: string,
  { allowPrivate, timeoutMs, lookup, signal }: Sending,
): Promise<Failure | undefined> {
  const refusal = refusedUrl(url, allowPrivate)
  if (refusal !== undefined) return Promise.resolve({ why: refusal, isFinal: true })
  const at = Math.floor(Date.now() / 1000)
  const signature = createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')
  return new Promise((settle) => {
    const fail = (error: Error): void => settle({ why: error.message, isFinal: error instanceof PrivateAddress })
    const request = (new URL(url).protocol === 'https:' ? requestHttps : requestHttp)(
      url,
      {
        method: 'POST',
        signal,
        // One connection per call: the address of a reused one would not have been checked.
        agent: false,
        ...(!allowPrivate && { lookup }),
        headers: {
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(body),
          'User-Agent': 'millpond-webhook',
          'X-Millpond-Signature': `t=${at},v1=${signature}`,
        },
      },
      (response) => {
        const status = response.statusCode ?? 0
        // The response is neither read nor followed: a redirect may point anywhere.
        response.destroy()
        settle(
          status >= 200 && status < 300
            ? undefined
            : {
                why: `it answered ${status}`,
                isFinal: status >= 300 && status < 500 && status !== 408 && status !== 429,
              },
        )
      },
    )
    // For the call as a whole: a receiver that sends a byte now and then is not idle.
    const late = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    late.unref()
    request.on('close', () => clearTimeout(late))
    request.on('error', fail)
    request.end(body)
  })
}

class PrivateAddress extends Error {}

/** Connects to the address that was checked: the name may resolve to another one a moment later. */
export const publicOnly =
  (resolve: Resolve = lookup): LookupFunction =>
  (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '', 0)
      const [first] = addresses
      const foreign = addresses.find(({ address }) => !isPublic(address))
      if (foreign !== undefined || first === undefined)
        return callback(
          new PrivateAddress(`${hostname} is ${foreign?.address ?? 'nowhere'}, an address in a private network`),
          '',
          0,
        )
      if (options.all === true) return callback(null, addresses)
      callback(null, first.address, first.family)
    })
  }
