// Makes on-demand images: one job for each result, however many requests wait for it, with the result in the cache.
import { createHash } from 'node:crypto'
import type { Cache } from 'millpond'
import { CdnError } from '../errors.ts'
import { type ImageLimits, openPicture, type Qualities } from './picture.ts'
import { type ImageFormat, sniff } from './sniff.ts'
import { type ImageJobs, Waiting } from './waiting.ts'

/** An image's bytes by its name; `undefined`: there is none. An error is a 502, and the next request retries. */
export type ImageSource = (name: string, context: { readonly signal: AbortSignal }) => Promise<Uint8Array | undefined>

export interface RenderRequest {
  readonly name: string
  readonly width: number
  /** `own`: the image's own format. */
  readonly format: ImageFormat | 'own'
  readonly qualities: Qualities
}

export type Result =
  | { readonly kind: 'image'; readonly format: ImageFormat; readonly body: Uint8Array; readonly tag: string }
  | { readonly kind: 'vector'; readonly body: Uint8Array; readonly tag: string }
  /** A permanent failure; still cached for a minute only. */
  | { readonly kind: 'refused'; readonly status: 404 | 413 | 422 | 502; readonly message: string }
  /** Not ready in time. */
  | { readonly kind: 'later'; readonly seconds: number }

export interface ImageRendererParts {
  readonly cache: Cache
  /** The prefix of its URLs: the same handler in other processes takes part. */
  readonly base: string
  readonly jobs: ImageJobs
  readonly source: ImageSource
  readonly limits: ImageLimits
  readonly waitMs: number
  readonly maxWaiting: number
  readonly onError: (error: unknown, name: string) => void
}

const REFUSED_TTL = '1m'
/** A large AVIF on a slow machine. */
const MAKING = '5m'

export class ImageRenderer {
  readonly #parts: ImageRendererParts
  readonly #kind: string
  readonly #waiting: Waiting
  readonly #endWork: () => void
  /** By key: jobs that this process has requested. */
  readonly #begun = new Map<string, Promise<Result | undefined>>()
  /** By job, of those that this process ran: if the cache stores nothing, its waiters still get the result. */
  readonly #made = new Map<string, Result>()
  readonly #waited = new Set<string>()

  constructor(parts: ImageRendererParts) {
    this.#parts = parts
    this.#waiting = new Waiting(parts.jobs)
    this.#kind = `images.make.${shortHash(parts.base)}`
    this.#endWork = parts.jobs.handle(this.#kind, async (payload, { id, signal }) => {
      const asked = payload as RenderRequest // as `#run` has added it, through JSON
      const result = await this.#make(asked, signal).catch((error: unknown): Result => {
        // Reported at once and not cached: the next request asks the source again.
        parts.onError(error, asked.name)
        return { kind: 'refused', status: 502, message: 'the picture cannot be read from its source' }
      })
      if (this.#waited.has(id)) this.#made.set(id, result)
    })
  }

  static tagOf(name: string): string {
    return `image:${shortHash(name)}`
  }

  ready(asked: RenderRequest): Promise<Result | undefined> {
    return this.#parts.cache.get<Result>(keyOf(asked))
  }

  /** In the background. */
  begin(asked: RenderRequest): void {
    if (this.#begun.size < this.#parts.maxWaiting)
      void this.#job(asked).catch((error: unknown) => this.#parts.onError(error, asked.name))
  }

  /** The cached result, or one that a job makes in time. */
  async result(asked: RenderRequest): Promise<Result> {
    const known = await this.ready(asked)
    if (known !== undefined) return known
    const { waitMs, maxWaiting } = this.#parts
    if (this.#begun.size >= maxWaiting && !this.#begun.has(keyText(asked))) return { kind: 'later', seconds: 5 }
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, waitMs, undefined)
    })
    try {
      return (await Promise.race([this.#job(asked), late])) ?? { kind: 'later', seconds: 2 }
    } finally {
      clearTimeout(timer)
    }
  }

  close(): void {
    this.#endWork()
  }

  #job(asked: RenderRequest): Promise<Result | undefined> {
    const key = keyText(asked)
    const begun = this.#begun.get(key)
    if (begun !== undefined) return begun
    const job = this.#run(asked).finally(() => this.#begun.delete(key))
    this.#begun.set(key, job)
    return job
  }

  async #run(asked: RenderRequest): Promise<Result | undefined> {
    const id = await this.#parts.jobs.add(this.#kind, asked)
    this.#waited.add(id)
    try {
      const failure = await this.#waiting.for(id)
      if (failure !== undefined) return { kind: 'refused', status: 502, message: 'the picture could not be made' }
      return this.#made.get(id) ?? (await this.ready(asked))
    } finally {
      this.#waited.delete(id)
      this.#made.delete(id)
    }
  }

  /**
   * By the cache's own load: once over all processes, and results of an image that was replaced meanwhile are not kept.
   */
  #make(asked: RenderRequest, signal: AbortSignal): Promise<Result> {
    return this.#parts.cache.getOrSet<Result>(
      keyOf(asked),
      async ({ setTtl }) => {
        const result = await this.#draw(asked, signal)
        if (result.kind === 'refused') setTtl(REFUSED_TTL)
        return result
      },
      { tags: [ImageRenderer.tagOf(asked.name)], timeout: { hard: MAKING } },
    )
  }

  async #draw({ name, width, format, qualities }: RenderRequest, signal: AbortSignal): Promise<Result> {
    const bytes = await this.#parts.source(name, { signal })
    if (bytes === undefined) return { kind: 'refused', status: 404, message: 'there is no picture of that name' }
    try {
      if (sniff(bytes) === 'svg' && bytes.byteLength <= this.#parts.limits.maxBytes)
        return { kind: 'vector', body: bytes, tag: tagOfBody(bytes) }
      const picture = await openPicture(bytes, name, this.#parts.limits)
      const wanted = format === 'own' || !picture.canBe(format) ? picture.format : format
      const made = await picture.as(wanted, Math.min(width, picture.width), qualities)
      const { untouched } = picture
      // Re-encoding at full size made it larger: the original is served.
      const isWorse = untouched !== undefined && width >= picture.width && untouched.byteLength <= made.body.byteLength
      const [body, is] = isWorse ? [untouched, picture.format] : [made.body, wanted]
      return { kind: 'image', format: is, body: new Uint8Array(body), tag: tagOfBody(body) }
    } catch (error) {
      if (!(error instanceof CdnError) || error.code === 'PACKAGE_MISSING') throw error
      return {
        kind: 'refused',
        status: error.code === 'IMAGE_REFUSED' ? 413 : 422,
        message: error.message.replace(/^(?:\[\w+\] )+/, ''),
      }
    }
  }
}

const shortHash = (words: string): string => createHash('sha256').update(words).digest('hex').slice(0, 16)
const keyOf = ({ name, width, format, qualities }: RenderRequest): [string, string, number, string, string] => [
  'image',
  name,
  width,
  format,
  JSON.stringify(qualities),
]
const keyText = (asked: RenderRequest): string => JSON.stringify(keyOf(asked))
const tagOfBody = (bytes: Uint8Array): string =>
  `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
