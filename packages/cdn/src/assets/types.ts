// A file's content type by its name, and whether compressing it can help.
import mime from 'mime'

const TEXT =
  /^text\/|^application\/(?:javascript|json|manifest\+json|xml|xhtml\+xml|rss\+xml|atom\+xml|ld\+json|geo\+json)$|^image\/svg\+xml$/
/** Formats that are not compressed already. */
const ALSO =
  /^(?:application\/(?:wasm|vnd\.ms-fontobject|x-sh)|font\/(?:ttf|otf|collection)|image\/(?:bmp|vnd\.microsoft\.icon|x-icon)|model\/gltf\+json)$/

/** With `charset=utf-8` for text. Unknown types are `application/octet-stream`, which browsers do not sniff. */
export function contentTypeOf(path: string): string {
  const type = mime.getType(path)
  if (type === null) return 'application/octet-stream'
  return TEXT.test(type) ? `${type}; charset=utf-8` : type
}

export function isCompressible(path: string): boolean {
  const type = mime.getType(path) ?? ''
  return TEXT.test(type) || ALSO.test(type)
}
