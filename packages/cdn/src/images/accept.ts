// Which formats a browser accepts (RFC 9110, 12.5.1).
import { CONTENT_TYPES, type ImageFormat } from './sniff.ts'

/** By explicit name only: every client sends `*`, including those that do not know modern formats. */
export function accepts(accept: string | null, format: ImageFormat): boolean {
  return (accept ?? '').split(',').some((part) => {
    const [type = '', ...parameters] = part.split(';').map((word) => word.trim().toLowerCase())
    return type === CONTENT_TYPES[format] && !parameters.some((parameter) => /^q=0(?:\.0{0,3})?$/.test(parameter))
  })
}
