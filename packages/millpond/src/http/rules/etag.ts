// Entity tags (RFC 9110 8.8.3). A value without quotes is not one: it is forwarded, and not compared.

const ETAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\uffff]*"$/

export function etagOf(text: string | undefined): string | undefined {
  return text !== undefined && ETAG.test(text) ? text : undefined
}

export const isStrong = (etag: string): boolean => !etag.startsWith('W/')

/** RFC 9110 8.8.3.2: weakness is ignored. */
export function matchesWeakly(a: string, b: string): boolean {
  return opaque(a) === opaque(b)
}

export function matchesStrongly(a: string, b: string): boolean {
  return isStrong(a) && a === b
}

const opaque = (etag: string): string => (etag.startsWith('W/') ? etag.slice(2) : etag)
