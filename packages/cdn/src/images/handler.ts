// On-demand images: a request handler with signed URLs. Each result is made once, by a job, and kept in a cache.
import type { Cache, Duration } from 'millpond'
import {
  check,
  checkOptions,
  duration,
  fn,
  parseDuration,
  refused,
  required,
  type Shape,
  whole,
  withMethods,
} from 'millpond/options'
import { Secret, type SecretLike } from '../secret.ts'
import { accepts } from './accept.ts'
import { answer, problem } from './answers.ts'
import { IMAGES, type ImageOptions, imageSettings } from './options.ts'
import { ImageRenderer, type ImageSource, type RenderRequest } from './renderer.ts'
import {
  type CheckedRequest,
  checkSigned,
  type ImageKeys,
  type ImageRequest,
  MIN_SECRET,
  signedPath,
} from './signed.ts'
import { FORMATS, type ImageFormat } from './sniff.ts'
import type { ImageJobs } from './waiting.ts'

export interface ImageHandlerOptions extends Omit<ImageOptions, 'widths'> {
  /** Stores the results: bound it by bytes. A namespace of its own fits: `cache.namespace('images')`. */
  readonly cache: Cache
  /** The source of images, by name: `folderSource(path)`, or a function; `undefined`: there is none of that name. */
  readonly source: ImageSource
  /** The keys that sign image URLs. */
  readonly keys: ImageKeys
  /** The prefix of its URLs. Default `'/images/'`. */
  readonly base?: string | undefined
  /** Runs the jobs that make images. Default `cache.jobs`. */
  readonly jobs?: ImageJobs | undefined
  /** The largest width that may be requested. Default 4,096. */
  readonly maxWidth?: number | undefined
  /**
   * How long a request waits for its image; after that it gets 503 with `Retry-After`, and the job continues. Default
   * `'10s'`.
   */
  readonly wait?: Duration | undefined
  /** Running and waiting jobs above which a request gets 503 at once. Default 100. */
  readonly maxWaiting?: number | undefined
  /** How long browsers and the edge keep a response. Default `'30d'`. */
  readonly maxAge?: Duration | undefined
  /** Called with errors of a source or a job. Default: ignored. */
  readonly onError?: ((error: unknown, name: string) => void) | undefined
  /** For tests: epoch milliseconds. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

export interface ImageHandler {
  /** Answers requests whose path begins with `base`; others get 404. */
  fetch(request: Request): Promise<Response>
  /** The signed URL of an image, from `base` on. @throws MillpondError `OPTION_INVALID` */
  url(name: string, request: ImageRequest): string
  /** `srcset` of an image in these widths. */
  srcset(name: string, widths: readonly number[], request?: Omit<ImageRequest, 'width'>): string
  /**
   * The image was replaced: its results are invalidated, in every process. Its responses carry this tag in
   * `Surrogate-Key` and `Cache-Tag` for the edge.
   */
  forget(name: string): Promise<void>
  /** This process stops making images. */
  close(): void
}

const isSecret = (value: unknown): value is SecretLike =>
  value instanceof Secret || (typeof value === 'string' && value.length >= MIN_SECRET)
const { widths: _, ...OF_IMAGES } = IMAGES
const OPTIONS: Shape<ImageHandlerOptions> = {
  ...OF_IMAGES,
  cache: required(withMethods<Cache>('a cache', 'get', 'getOrSet', 'invalidateTags')),
  source: required(fn<ImageSource>('folderSource(path), or a function that resolves with bytes')),
  keys: required(keysOf),
  base: check(
    (value): value is string => typeof value === 'string' && /^\/(?:[^?#]*\/)?$/.test(value),
    "a path such as '/images/'",
  ),
  jobs: withMethods<ImageJobs>('jobs, such as cache.jobs', 'add', 'handle', 'get', 'cancel'),
  maxWidth: whole(1, 16_383),
  wait: duration,
  maxWaiting: whole(1),
  maxAge: duration,
  onError: fn(),
  now: fn('a function that returns epoch milliseconds'),
}
const REQUEST: Shape<ImageRequest> = {
  width: required(whole(1, 16_383)),
  format: check(
    (value): value is ImageFormat | 'auto' => value === 'auto' || FORMATS.some((one) => one === value),
    `'auto', ${FORMATS.join(', ')}`,
  ),
  quality: whole(1, 100),
  expiresAt: check(
    (value): value is number => typeof value === 'number' && value > 0 && Number.isFinite(value),
    'epoch milliseconds',
  ),
}
/** While AVIF is being made, browsers may keep the substitute only this long. */
const PROVISIONAL_S = 60
const REFUSALS = {
  malformed: [400, 'the address is not that of a picture'],
  unsigned: [403, 'the address is not signed by this site'],
  expired: [410, 'the address has expired'],
} as const

/**
 * A handler for `(request: Request) => Response`, mountable wherever such handlers are. AVIF, which takes seconds,
 * never delays a request if the browser accepts another format (`format: 'auto'`): it gets the cheaper one, and AVIF
 * once that is made.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`
 * @example const images = createImageHandler({ cache, source: folderSource('photos'), keys: { current: 'k1', keys: {
 * k1: process.env.IMAGE_KEY } } }) app.get('/images/*', (c) => images.fetch(c.req.raw)) images.url('cat.jpg', { width:
 * 640 }) // /images/cat.jpg?w=640&f=auto&k=k1&s=...
 */
export function createImageHandler(options: ImageHandlerOptions): ImageHandler {
  checkOptions<ImageHandlerOptions>(options, OPTIONS, 'createImageHandler')
  const { cache, keys, base = '/images/', now = Date.now, maxWidth = 4096 } = options
  const { formats, qualities, maxBytes, maxPixels } = imageSettings({
    formats: options.formats,
    quality: options.quality,
    maxBytes: options.maxBytes,
    maxPixels: options.maxPixels,
  })
  const maxAgeS = Math.floor(parseDuration(options.maxAge ?? '30d', 'maxAge') / 1000)
  const renderer = new ImageRenderer({
    cache,
    base,
    jobs: options.jobs ?? cache.jobs,
    source: options.source,
    limits: { maxBytes, maxPixels },
    waitMs: parseDuration(options.wait ?? '10s', 'wait'),
    maxWaiting: options.maxWaiting ?? 100,
    onError: options.onError ?? (() => {}),
  })

  async function asked({ name, width, format, quality, expires }: CheckedRequest, request: Request): Promise<Response> {
    const one = (wanted: ImageFormat | 'own'): RenderRequest => ({
      name,
      width,
      format: wanted,
      qualities:
        quality === undefined ? qualities : { avif: quality, webp: quality, jpeg: quality, png: quality, gif: quality },
    })
    const left = expires === undefined ? maxAgeS : Math.max(0, Math.min(maxAgeS, expires - Math.floor(now() / 1000)))
    const facts = { request, name, isNegotiated: format === 'auto', maxAgeS: left }
    if (format !== 'auto') return answer(await renderer.result(one(format)), facts)
    const taken = formats.filter((wanted) => accepts(request.headers.get('accept'), wanted))
    const light = taken.find((wanted) => wanted !== 'avif') ?? 'own'
    if (!taken.includes('avif')) return answer(await renderer.result(one(light)), facts)
    const made = await renderer.ready(one('avif'))
    if (made !== undefined) return answer(made, facts)
    renderer.begin(one('avif'))
    return answer(await renderer.result(one(light)), { ...facts, maxAgeS: Math.min(left, PROVISIONAL_S) })
  }

  const url = (name: string, request: ImageRequest): string => {
    checkOptions<ImageRequest>(request, REQUEST, 'url')
    if (!isName(name)) throw refused(name, 'name', "the name of a picture, such as 'cats/tom.jpg'")
    return signedPath(base, name, request, keys)
  }
  return {
    url,
    srcset: (name, widths, request = {}) =>
      widths.map((width) => `${url(name, { ...request, width })} ${width}w`).join(', '),
    async fetch(request) {
      const address = new URL(request.url)
      if (!address.pathname.startsWith(base)) return problem(404, 'there is no picture')
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return problem(405, 'read pictures with GET', { Allow: 'GET, HEAD' })
      const checked = checkSigned(address, base, keys, now())
      if (typeof checked === 'string') {
        const [status, words] = REFUSALS[checked]
        return problem(status, words)
      }
      if (!isName(checked.name) || checked.width > maxWidth)
        return problem(400, `the address asks for too much: at most ${maxWidth} pixels`)
      return asked(checked, request)
    },
    async forget(name) {
      await cache.invalidateTags([ImageRenderer.tagOf(name)])
    },
    close: () => renderer.close(),
  }
}

/** Relative, within its folder. */
const isName = (name: unknown): name is string =>
  typeof name === 'string' &&
  name !== '' &&
  !/[\p{Cc}\\]/u.test(name) &&
  name.split('/').every((part) => part !== '' && part !== '.' && part !== '..')

function keysOf(value: unknown, at: string): ImageKeys {
  const wanted = `{ current: 'k1', keys: { k1: '...' } }, each of at least ${MIN_SECRET} characters`
  const given = value as Partial<ImageKeys> | null | undefined // checked field by field
  const all = given?.keys
  const isWhole =
    typeof given?.current === 'string' && typeof all === 'object' && all !== null && Object.values(all).every(isSecret)
  // The given keys are secrets, and are not shown.
  if (!isWhole || !Object.hasOwn(all, given.current ?? '')) throw refused('these keys', at, wanted)
  return given as ImageKeys
}
