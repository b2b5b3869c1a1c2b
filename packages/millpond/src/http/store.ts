// Answers in a cache. Three kinds of entries for a URL: the index (which variants there are), the answers, and the
// pieces of long bodies.
//
// An answer is loaded, not set: its fetch runs inside the load, under its own key. So an invalidation that arrives
// while the origin is still answering invalidates the answer like any other load, in every process (G1), although its
// tags are known only from its header. The index only contains pointers: a pointer to an answer that is invalid,
// evicted or expired is a miss.
import { randomBytes } from 'node:crypto'
import type { Backing, HttpReceipt, LoadControl, Named, Reader } from './contract.ts'
import { tenantOf } from './key.ts'
import { type AnswerMeta, ageMs } from './rules/answer.ts'
import { combine, type Piece } from './rules/combine.ts'
import { fieldValue, firstLine, type RawFields } from './rules/fields.ts'
import { freshened } from './rules/freshened.ts'
import { groupsOf } from './rules/invalidation.ts'
import type { RequestFacts } from './rules/request.ts'
import { confirms } from './rules/validation.ts'
import type { Settings } from './settings.ts'
import { groupTag, hostTag, surrogateTags, tenantTag, urlTag } from './tags.ts'
import { textOf } from './text.ts'
import { answerKey, type Body, type Index, idsOf, MAX_LEAVING, PART, select, withFirst } from './variants.ts'

/** An answer as stored. */
export interface StoredAnswer extends AnswerMeta {
  /** Identifies this answer; a freshened one gets another. */
  readonly id: string
  /** A short text; else `undefined`, and the body is `pieces` entries named after `bodyId`. */
  readonly text: string | undefined
  /** The encoding of `text`. */
  readonly encoding: 'latin1' | 'utf8'
  readonly bodyId: string
  readonly pieces: number
  /** Bytes of the body. */
  readonly length: number
}

/** The result of looking up a stored answer. */
export interface Found {
  readonly answer: StoredAnswer | undefined
  /** A part of the representation (206), if no whole answer is stored. */
  readonly part: StoredAnswer | undefined
  /** Soft-purged: it must be validated, whatever its own freshness. */
  readonly isExpired: boolean
  /** The URL has answers, but none that this request selects. */
  readonly hasVariants: boolean
}

/** Whether an invalidation has arrived, from any process, since the load of such an answer began. */
export type IsOutdated = (meta: AnswerMeta) => boolean | Promise<boolean>

/** What is stored, as it is loaded. */
export interface Loading {
  /** Default: a new one. */
  readonly id?: string
  /** The stored answer that this one replaces, even if they vary by other fields. */
  readonly base?: StoredAnswer | undefined
  /** Nothing of this URL could be stored so far: its absence is not a miss. */
  readonly isKnown?: boolean
}

export interface StoreSettings {
  /** How long an answer is kept past its freshness, for validation and for errors. */
  readonly keepStaleMs: number
  /** Bodies up to this many bytes are stored with their head, if they are text. */
  readonly inlineBytes: number
  readonly now: () => number
}

const PIECE_BYTES = 256 * 1024
/** The minimum time that the cache keeps an answer, so that a stale one can be validated. */
const LEAST_TTL_MS = 1
/** How long a body that was replaced stays for clients that are still reading it. */
const LEAVING_MS = 300_000
const NOTHING: Found = { answer: undefined, part: undefined, isExpired: false, hasVariants: false }

export class HttpStore {
  readonly pieceBytes = PIECE_BYTES
  readonly #cache: Backing
  readonly #settings: StoreSettings
  /** Changes of one URL's index are serialised. */
  readonly #indexing = new Map<string, Promise<void>>()

  constructor(cache: Backing, settings: StoreSettings) {
    this.#cache = cache
    this.#settings = settings
  }

  /** Memory only, synchronous: the answer that the request selects, while it is fresh for the cache. */
  peek(primary: string, request: RequestFacts, reader: Reader = this.#cache): StoredAnswer | undefined {
    const index = reader.peek<Index>(primary)
    const key = index === undefined ? undefined : select(primary, index, request)
    return key === undefined ? undefined : this.#cache.peek<StoredAnswer>(key)
  }

  /**
   * @param isKnown that nothing of this URL can be stored: its absence is then not a miss
   * @param reader who reads it: reported for the URL, not for what the URL leads to
   */
  async find(primary: string, request: RequestFacts, isKnown = false, reader: Reader = this.#cache): Promise<Found> {
    const index = await this.#index(primary, isKnown, reader)
    if (index === undefined) return NOTHING
    const key = select(primary, index, request)
    const hasVariants = key === undefined && index.selections.length > 0
    const whole = await this.#read(key)
    if (whole !== undefined) return { answer: whole.answer, part: undefined, isExpired: whole.isExpired, hasVariants }
    const part = await this.#read(select(primary, index, request, PART))
    return {
      answer: undefined,
      part: part?.isExpired === false ? part.answer : undefined,
      isExpired: false,
      hasVariants,
    }
  }

  /** Including a soft-purged one: it is only a pointer. */
  async #index(primary: string, isKnown = false, reader: Reader = this.#cache): Promise<Index | undefined> {
    const entry = await reader.getEntry<Index>(primary, { quiet: isKnown })
    return entry.kind === 'miss' ? undefined : entry.value
  }

  async #read(key: string | undefined): Promise<{ answer: StoredAnswer; isExpired: boolean } | undefined> {
    if (key === undefined) return undefined
    const entry = await this.#cache.getEntry<StoredAnswer>(key)
    if (entry.kind === 'miss') return undefined
    const answer = entry.value
    // Stale for the cache while fresh for HTTP: it was soft-purged.
    return { answer, isExpired: entry.kind === 'stale' && answer.lifetimeMs - ageMs(answer, this.#settings.now()) > 0 }
  }

  /**
   * Runs `produce` as a load, and stores its result. Resolves with what was stored, or `undefined` if nothing was.
   * `produce` gets the answer's id, and returns what to store.
   */
  async load(
    primary: string,
    request: RequestFacts,
    produce: (id: string, isOutdated: IsOutdated) => Promise<StoredAnswer | undefined>,
    { id = newId(), base, isKnown = false }: Loading = {},
  ): Promise<StoredAnswer | undefined> {
    const run = async (control: LoadControl): Promise<StoredAnswer | undefined> => {
      const answer = await produce(id, (meta) => {
        control.addTags(...tagsOf(primary, meta))
        return control.isOutdated()
      })
      if (answer === undefined) return undefined
      control.setTtl(Math.max(LEAST_TTL_MS, answer.lifetimeMs - ageMs(answer, this.#settings.now())))
      control.addTags(...tagsOf(primary, answer))
      return answer
    }
    const { keepStaleMs } = this.#settings
    const timeout = { hard: Number.POSITIVE_INFINITY }
    const options = { quiet: isKnown, ttl: LEAST_TTL_MS, staleFor: keepStaleMs, timeout, singleFlight: 'call' } as const
    const answer = await this.#cache.getOrSet(answerKey(primary, id), run, options)
    if (answer !== undefined) await this.#point(primary, request, answer, base)
    return answer
  }

  /** The body as stored: with the head, or in pieces, which are written here. */
  async keepBody(
    primary: string,
    id: string,
    meta: AnswerMeta,
    chunks: readonly Buffer[],
    length: number,
  ): Promise<StoredAnswer> {
    const head = { ...meta, id, bodyId: id, length }
    if (length <= this.#settings.inlineBytes) {
      const encoding = textOf(chunks)
      if (encoding !== undefined)
        return { ...head, text: chunks.length === 0 ? '' : joined(chunks).toString(encoding), encoding, pieces: 0 }
    }
    const pieces = cut(chunks)
    const options = { ttl: this.#pieceTtl(meta), tags: tagsOf(primary, meta) }
    await Promise.all(pieces.map((piece, at) => this.#cache.set(pieceKey(primary, id, at), piece, options)))
    return { ...head, text: undefined, encoding: 'latin1', pieces: pieces.length }
  }

  /**
   * The effect of a HEAD on a stored answer (RFC 9111 4.3.5): the same representation is freshened, another one
   * invalidates the stored one.
   */
  async freshen(
    primary: string,
    request: RequestFacts,
    base: StoredAnswer,
    fields: RawFields,
    settings: Settings,
  ): Promise<void> {
    const length = firstLine(fields, 'content-length')
    const isSame = confirms(fields, base) && (length === undefined || Number(length) === base.length)
    if (!isSame) return this.forget(primary, base)
    const now = settings.now()
    const { meta, refusal, leavesStored } = freshened(
      base,
      request,
      fields,
      { requestAt: now, responseAt: now },
      settings,
    )
    if (refusal !== undefined) return leavesStored ? undefined : this.forget(primary, base)
    const produce = async (id: string): Promise<StoredAnswer> => {
      const { text, encoding, bodyId, pieces } = base
      const answer: StoredAnswer = { ...meta, id, text, encoding, bodyId, pieces, length: base.length }
      await this.keepPieces(primary, answer)
      return answer
    }
    await this.load(primary, request, produce, { base })
  }

  /** A part, combined with the stored one, if they are of one representation (RFC 9111 3.4). */
  async keepPart(
    primary: string,
    request: RequestFacts,
    id: string,
    arrived: Piece,
    maxBytes: number,
  ): Promise<StoredAnswer> {
    const { part } = await this.find(primary, request)
    const stored = part === undefined ? undefined : await this.bytes(primary, part)
    const both =
      part === undefined || stored === undefined
        ? undefined
        : combine({ meta: part, bytes: stored }, arrived, this.#settings.now())
    const { meta, bytes } = both !== undefined && both.bytes.length <= maxBytes ? both : arrived
    return this.keepBody(primary, id, meta, [bytes], bytes.length)
  }

  /** All bytes of a stored body; `undefined` if some are gone. */
  async bytes(primary: string, answer: StoredAnswer): Promise<Buffer | undefined> {
    if (answer.text !== undefined) return Buffer.from(answer.text, answer.encoding)
    const pieces: Buffer[] = []
    for (let at = 0; at < answer.pieces; at++) {
      const piece = await this.piece(primary, answer, at)
      if (piece === undefined) return undefined
      pieces.push(piece)
    }
    const whole = Buffer.concat(pieces)
    return whole.length === answer.length ? whole : undefined
  }

  /** A freshened answer keeps its body: the pieces live as long as the new head. */
  async keepPieces(primary: string, answer: StoredAnswer): Promise<void> {
    const ttl = this.#pieceTtl(answer)
    for (let at = 0; at < answer.pieces; at++) await this.#cache.touch(pieceKey(primary, answer.bodyId, at), ttl)
  }

  /** The whole body, if memory has it in one: a text, or a single piece (most compressed answers and small images). */
  nearBody(primary: string, { text, pieces, bodyId, length }: StoredAnswer): string | Buffer | undefined {
    if (text !== undefined || pieces !== 1) return text
    const piece = this.#cache.peek<Buffer>(pieceKey(primary, bodyId, 0))
    return piece?.length === length ? piece : undefined
  }

  /** One piece of a long body, synchronously if memory has it. */
  piece(primary: string, answer: StoredAnswer, at: number): Buffer | undefined | Promise<Buffer | undefined> {
    const key = pieceKey(primary, answer.bodyId, at)
    return this.#cache.peek<Buffer>(key) ?? this.#cache.get<Buffer>(key)
  }

  /** The answer is unusable, since its body is gone. */
  async forget(primary: string, answer: StoredAnswer): Promise<void> {
    await this.#cache.deleteMany([answerKey(primary, answer.id)], { reason: 'data_changed' })
  }

  /** Absolute URLs and cache groups of one origin (RFC 9111 4.4, RFC 9875). */
  invalidate(primaries: readonly string[], host: string, groups: readonly string[]): Promise<HttpReceipt> {
    return this.#cache.invalidateTags([...primaries.map(urlTag), ...groups.map((group) => groupTag(host, group))])
  }

  purge(what: Named, mode: 'delete' | 'expire'): Promise<HttpReceipt> {
    return this.#cache.invalidate(what, { mode })
  }

  purgeAll(): Promise<HttpReceipt> {
    return this.#cache.clear()
  }

  #pieceTtl(meta: AnswerMeta): number {
    return Math.max(LEAST_TTL_MS, meta.lifetimeMs - ageMs(meta, this.#settings.now())) + this.#settings.keepStaleMs
  }

  /** Puts the answer first in the index of its URL. */
  #point(primary: string, request: RequestFacts, answer: StoredAnswer, base: StoredAnswer | undefined): Promise<void> {
    const before = this.#indexing.get(primary) ?? Promise.resolve()
    const next = before.then(() => this.#repoint(primary, request, answer, base))
    this.#indexing.set(primary, next)
    const done = (): void => {
      if (this.#indexing.get(primary) === next) this.#indexing.delete(primary)
    }
    return next.finally(done)
  }

  async #repoint(
    primary: string,
    request: RequestFacts,
    answer: StoredAnswer,
    base: StoredAnswer | undefined,
  ): Promise<void> {
    const index = await this.#index(primary)
    const former = index?.selections ?? []
    const selections = withFirst(primary, former, request, answer, base?.id)
    const now = this.#settings.now()
    // The longest-lived answer decides; the others are found to be invalid themselves.
    const until = Math.max(index?.until ?? 0, now + this.#pieceTtl(answer))
    const { keepStaleMs } = this.#settings
    const left = new Set(idsOf(selections))
    const own = answer.pieces === 0 ? [] : [{ of: answer.id, id: answer.bodyId, pieces: answer.pieces }]
    const known: readonly Body[] = [...(index?.bodies ?? []), ...own]
    const bodies = known.filter(({ of }) => left.has(of))
    const used = new Set(bodies.map(({ id }) => id))
    const isUnused = ({ id }: Body): boolean => !used.has(id)
    const unused = [...(index?.leaving ?? []), ...known.map((body) => ({ ...body, at: now }))].filter(isUnused)
    const leaving = unused.filter(({ at }) => now - at < LEAVING_MS).slice(-MAX_LEAVING)
    const entry: Index = { selections, until, bodies, leaving }
    await this.#cache.set(primary, entry, { ttl: until - now, staleFor: keepStaleMs, tags: [hostTag(primary)] })
    // Unreferenced entries would stay for as long as stale answers are kept. A body stays a while: a slow client may
    // still be reading it.
    const dropped = idsOf(former).filter((id) => !left.has(id))
    const gone = unused.filter((body) => !leaving.includes(body))
    const keys = [...dropped.map((id) => answerKey(primary, id)), ...gone.flatMap((body) => pieceKeys(primary, body))]
    if (keys.length > 0) await this.#cache.deleteMany(keys, { reason: 'superseded' })
  }
}

/** The id of a future answer. */
export const newId = (): string => randomBytes(12).toString('base64url')

const pieceKey = (primary: string, id: string, at: number): string => `${primary}\n${id}\n${at}`
const pieceKeys = (primary: string, { id, pieces }: Body): string[] =>
  Array.from({ length: pieces }, (_, at) => pieceKey(primary, id, at))

function tagsOf(primary: string, { fields }: AnswerMeta): string[] {
  const groups = groupsOf(fields, 'cache-groups').map((group) => groupTag(primary, group))
  const named = surrogateTags(fieldValue(fields, 'surrogate-key'), fieldValue(fields, 'cache-tag'))
  const tenant = tenantOf(primary)
  return [urlTag(primary), hostTag(primary), ...(tenant === undefined ? [] : [tenantTag(tenant)]), ...groups, ...named]
}

const joined = (chunks: readonly Buffer[]): Buffer =>
  chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)

function cut(chunks: readonly Buffer[]): Buffer[] {
  const whole = joined(chunks)
  const pieces: Buffer[] = []
  for (let at = 0; at < whole.length; at += PIECE_BYTES) pieces.push(whole.subarray(at, at + PIECE_BYTES))
  return pieces
}
