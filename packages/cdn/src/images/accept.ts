// Which formats a browser says that it takes (RFC 9110, 12.5.1).
import { CONTENT_TYPES, type ImageFormat } from './sniff.ts'

/** By name alone: a star is what every client sends, also those that know no format of this century. */
export function accepts(accept: string | null, format: ImageFormat): boolean {
  return (accept ?? '').split(',').some((part) => {
    const [type = '', ...parameters] = part.split(';').map((word) => word.trim().toLowerCase())
    return type === CONTENT_TYPES[format] && !parameters.some((parameter) => /^q=0(?:\.0{0,3})?$/.test(parameter))
  })
}
