// Byte ranges (RFC 9110 14), and which of them a stored part can answer (RFC 9111 3.3, 3.4).

/** Which bytes of how many a 206 contains. `total` is `undefined` for `*`. */
export interface Part {
  readonly first: number
  readonly last: number
  readonly total: number | undefined
}

const CONTENT_RANGE = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i

/** A part, or `undefined` if it is absent, of another unit, or invalid (RFC 9110 14.4). */
export function contentRange(text: string | undefined): Part | undefined {
  const match = CONTENT_RANGE.exec(text?.trim() ?? '')
  if (match === null) return undefined
  const [first, last] = [Number(match[1]), Number(match[2])]
  const total = match[3] === '*' ? undefined : Number(match[3])
  return last < first || (total !== undefined && last >= total) ? undefined : { first, last, total }
}

/** One range of a request: from `first` to `last` inclusive, or the last `suffix` bytes. */
export type AskedRange = { readonly first: number; readonly last: number | undefined } | { readonly suffix: number }

const RANGE = /^bytes\s*=\s*(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/i

/** The one requested range; `several` for a set; `undefined` for none, or one that a server ignores (RFC 9110 14.2). */
export function askedRange(text: string | undefined): AskedRange | 'several' | undefined {
  if (text === undefined) return undefined
  const match = RANGE.exec(text.trim())
  if (match === null) return /^bytes\s*=.*,/i.test(text) ? 'several' : undefined
  if (match[3] !== undefined) return { suffix: Number(match[3]) }
  const first = Number(match[1])
  const last = match[2] === '' ? undefined : Number(match[2])
  return last !== undefined && last < first ? undefined : { first, last }
}

/** Where in the stored bytes the requested range is. */
export interface Slice {
  /** Offsets into the stored body. */
  readonly from: number
  readonly to: number
  readonly contentRange: string
}

/**
 * The slice of `length` stored bytes, which are all (`part` absent) or a part of the representation. `unsatisfiable`:
 * 416 (RFC 9110 14.2); `undefined`: these bytes cannot tell.
 */
export function sliceFor(
  asked: AskedRange,
  length: number,
  part: Part | undefined,
): Slice | 'unsatisfiable' | undefined {
  if (part === undefined) return sliceOfWhole(asked, length)
  const { first, last, total } = part
  const reachesEnd = total !== undefined && last === total - 1
  if ('suffix' in asked) {
    // Counted from the end, so that it does not matter where the part begins.
    if (!reachesEnd || asked.suffix === 0 || asked.suffix > length) return undefined
    return sliceAt(length - asked.suffix, length, total - asked.suffix, total)
  }
  const end = asked.last ?? (reachesEnd ? last : Number.POSITIVE_INFINITY)
  const wanted = reachesEnd ? Math.min(end, last) : end
  if (asked.first < first || wanted > last) return undefined
  const from = asked.first - first
  const to = Math.min(length, wanted - first + 1)
  return from < to ? sliceAt(from, to, asked.first, total) : undefined
}

function sliceOfWhole(asked: AskedRange, length: number): Slice | 'unsatisfiable' {
  const from = 'suffix' in asked ? Math.max(0, length - asked.suffix) : asked.first
  const to = 'suffix' in asked ? length : Math.min(length, (asked.last ?? length - 1) + 1)
  return from < to ? sliceAt(from, to, from, length) : 'unsatisfiable'
}

function sliceAt(from: number, to: number, first: number, total: number | undefined): Slice {
  return { from, to, contentRange: `bytes ${first}-${first + to - from - 1}/${total ?? '*'}` }
}
