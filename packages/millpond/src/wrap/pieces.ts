// Bodies that exceed their tier's item limit, in pieces.
//
// A piece is stored under the hash of its entry's key and its own bytes, so that no other write can change it, and
// nothing else be mistaken for it. The entry itself is a list of its pieces, written when all of them are stored. A
// missing or foreign piece makes a miss. Pieces are not deleted: they carry the deadline of their entry, and a tier
// with an item limit also has limited space.
import { createHash } from 'node:crypto'
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import type { Clock, Refusal, Stored, TierItem } from '../core/contracts.ts'
import type { Attempt } from './attempt.ts'
import type { Limits } from './limits.ts'

/** What reads and writes whole bodies, and what does it with items. */
export interface Carrier {
  read(keys: readonly string[], budgetMs: number): Promise<Attempt<readonly (Stored | undefined)[]>>
  write(items: readonly PieceOrItem[]): Promise<Attempt<readonly (Refusal | undefined)[]>>
}

export interface PieceOrItem extends TierItem {
  /** Its refusal is reported as that of its entry. */
  readonly isPiece?: boolean
}

const PIECE = 256 * 1024
/** Pieces that are hashed and sent together: some milliseconds. */
const LOT = 1024 * 1024
/** Cannot begin a text, or one of our frames: a body that begins with it is stored in pieces itself. */
const MAGIC = Buffer.from('\u0000MPPART1', 'latin1')
const HEAD = MAGIC.length + 8
/** Bytes of SHA-256: infeasible to search. */
const DIGEST = 24
const NAME = /^[^:]*:[^:]*:#piece:[\w-]{32}$/

/** Whether it is not an entry of its own. */
export const isPiece = (key: string): boolean => NAME.test(key)

/** Where the pieces of a body are stored; none if it is whole. */
export function piecesOf(key: string, body: Uint8Array): string[] {
  return isList(body) ? partsOf(body).digests.map((digest) => nameOf(key, digest)) : []
}

/** @param refuse reports that an entry was not stored. */
export function inPieces(
  items: Carrier,
  limits: Limits,
  clock: Pick<Clock, 'monotonic'>,
  refuse: (item: TierItem, why: Refusal) => Refusal,
): Carrier {
  const pieceBytes = Math.min(PIECE, limits.itemBytes)
  const most = Math.min(limits.entryBytes, Math.floor((limits.itemBytes - HEAD) / DIGEST) * pieceBytes)
  const perLot = Math.max(1, Math.floor(LOT / pieceBytes))
  const isWhole = ({ body }: TierItem): boolean => body.length <= limits.itemBytes && !isList(body)

  async function writePieces(item: TierItem): Promise<Attempt<Refusal | TierItem>> {
    const { key, body, expiresAt, asOf } = item
    if (body.length > most) return { ok: true, value: 'too_large' }
    const digests: Buffer[] = []
    for (let from = 0; from < body.length; from += perLot * pieceBytes) {
      if (from > 0) await yieldToOthers()
      const lot: PieceOrItem[] = []
      for (let at = from; at < Math.min(body.length, from + perLot * pieceBytes); at += pieceBytes) {
        const piece = body.subarray(at, at + pieceBytes)
        const digest = digestOf(key, piece)
        digests.push(digest)
        lot.push({ key: nameOf(key, digest), body: piece, expiresAt, asOf, isPiece: true })
      }
      const written = await items.write(lot)
      if (!written.ok) return written
      const why = written.value.find((answer) => answer !== undefined)
      if (why !== undefined) return { ok: true, value: why }
    }
    return { ok: true, value: { ...item, body: listOf(body.length, digests) } }
  }

  async function readPieces(key: string, list: Stored, budgetMs: number): Promise<Stored | undefined> {
    const until = clock.monotonic() + budgetMs
    const { length, digests } = partsOf(list.body)
    if (length > most || digests.length !== Math.ceil(length / pieceBytes)) return undefined
    const body = Buffer.allocUnsafe(length)
    let end = 0
    for (let from = 0; from < digests.length; from += perLot) {
      const lot = digests.slice(from, from + perLot)
      const read = await items.read(
        lot.map((digest) => nameOf(key, digest)),
        until - clock.monotonic(),
      )
      if (!read.ok) return undefined
      for (const [at, digest] of lot.entries()) {
        const piece = read.value[at]?.body
        if (piece === undefined || piece.length > length - end || !digestOf(key, piece).equals(digest)) return undefined
        body.set(piece, end)
        end += piece.length
      }
    }
    return end === length ? { ...list, body } : undefined
  }

  return {
    async read(keys, budgetMs) {
      const began = clock.monotonic()
      const read = await items.read(keys, budgetMs)
      if (!read.ok || !read.value.some((stored) => stored !== undefined && isList(stored.body))) return read
      const whole: (Stored | undefined)[] = []
      // Of a batch, each entry that was read begins the time again.
      let until = (keys.length > limits.items ? clock.monotonic() : began) + budgetMs
      for (const [at, stored] of read.value.entries()) {
        const isOne = stored === undefined || !isList(stored.body)
        const made = isOne ? stored : await readPieces(keys[at] ?? '', stored, until - clock.monotonic())
        if (!isOne && made !== undefined && keys.length > 1) until = clock.monotonic() + budgetMs
        whole.push(made)
      }
      return { ...read, value: whole }
    },
    async write(given) {
      if (given.every(isWhole)) return items.write(given)
      const answers: (Refusal | undefined)[] = given.map(() => undefined)
      const ready: TierItem[] = []
      const places: number[] = []
      for (const [at, item] of given.entries()) {
        const made: Attempt<Refusal | TierItem> = isWhole(item) ? { ok: true, value: item } : await writePieces(item)
        if (!made.ok) return made
        if (typeof made.value === 'string') answers[at] = refuse(item, made.value)
        else {
          ready.push(made.value)
          places.push(at)
        }
      }
      const written = ready.length === 0 ? undefined : await items.write(ready)
      if (written?.ok === false) return written
      for (const [index, answer] of (written?.value ?? []).entries()) answers[places[index] ?? 0] = answer
      return { ok: true, value: answers }
    },
  }
}

const digestOf = (key: string, piece: Uint8Array): Buffer =>
  createHash('sha256').update(`${key}\u0000`).update(piece).digest().subarray(0, DIGEST)

/** Under its namespace, which is cleared as a whole. */
const nameOf = (key: string, digest: Buffer): string =>
  `${key.slice(0, key.indexOf(':', key.indexOf(':') + 1) + 1)}#piece:${digest.toString('base64url')}`

const isList = (body: Uint8Array): boolean => body.length >= HEAD && MAGIC.equals(body.subarray(0, MAGIC.length))

function listOf(length: number, digests: readonly Buffer[]): Buffer {
  const list = Buffer.concat([MAGIC, Buffer.alloc(8), ...digests])
  list.writeDoubleLE(length, MAGIC.length)
  return list
}

function partsOf(list: Uint8Array): { readonly length: number; readonly digests: readonly Buffer[] } {
  const bytes = Buffer.from(list.buffer, list.byteOffset, list.byteLength)
  const digests: Buffer[] = []
  for (let at = HEAD; at + DIGEST <= bytes.length; at += DIGEST) digests.push(bytes.subarray(at, at + DIGEST))
  return { length: bytes.readDoubleLE(MAGIC.length), digests }
}
