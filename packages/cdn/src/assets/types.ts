// What a file is by its name: its content type, and whether compressing it can help.
import mime from 'mime'

const TEXT =
  /^text\/|^application\/(?:javascript|json|manifest\+json|xml|xhtml\+xml|rss\+xml|atom\+xml|ld\+json|geo\+json)$|^image\/svg\+xml$/
/** Formats that are not compressed in themselves. */
const ALSO =
  /^(?:application\/(?:wasm|vnd\.ms-fontobject|x-sh)|font\/(?:ttf|otf|collection)|image\/(?:bmp|vnd\.microsoft\.icon|x-icon)|model\/gltf\+json)$/

/** With `charset=utf-8` for text. What nobody knows is `application/octet-stream`, which no browser guesses at. */
export function contentTypeOf(path: string): string {
  const type = mime.getType(path)
  if (type === null) return 'application/octet-stream'
  return TEXT.test(type) ? `${type}; charset=utf-8` : type
}

export function isCompressible(path: string): boolean {
  const type = mime.getType(path) ?? ''
  return TEXT.test(type) || ALSO.test(type)
}
