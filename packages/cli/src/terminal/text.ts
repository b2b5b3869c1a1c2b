// Text that is safe to print on a terminal. Everything from elsewhere (keys, tags, reasons, server answers) is escaped
// on its way into a `Safe`, and only a `Safe` is written: a name cannot move the cursor, set a title, answer for the
// user or change the writing direction.
import stringWidth from 'string-width'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'inverse'
const CODES: Readonly<Record<Style, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, inverse: 7 }
const RESET = '\x1b[0m'

interface Segment {
  readonly text: string
  readonly style: Style | undefined
}

export class Safe {
  readonly segments: readonly Segment[]

  /** Of segments that are already escaped. */
  constructor(segments: readonly Segment[]) {
    this.segments = segments
  }
}

/** Anything else is escaped where it is used. */
export type Part = Safe | string | number

/** Control characters, lone surrogates, line separators and invisible characters, except the joiner within an emoji. */
const HIDDEN =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?!\u200d)\p{Cf}|(?<!\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f)\u200d/u
const EACH_HIDDEN = new RegExp(HIDDEN.source, 'gu')
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

const escaped = (character: string): string =>
  SHORT[character] ??
  [...Array(character.length).keys()]
    .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('')

/** Unchanged if all of it is visible; else quoted, so that escapes can be told from literal text. */
export function shown(text: string): string {
  const isPlain = !HIDDEN.test(text) && !text.startsWith('"') && text.trim() === text
  return isPlain ? text : `"${text.replace(/["\\]/g, '\\$&').replace(EACH_HIDDEN, escaped)}"`
}

/** Sentences from a server: escaped in place, without quotes around the whole. */
export const sentence = (words: string): Safe =>
  new Safe([{ text: words.replace(EACH_HIDDEN, escaped), style: undefined }])

/** JSON with invisible characters escaped as well. */
export const shownJson = (value: unknown, indent?: number): string =>
  (JSON.stringify(value, null, indent) ?? 'null').replace(EACH_HIDDEN, (character) =>
    character === '\n' ? character : escaped(character),
  )

const segmentsOf = (part: Part): readonly Segment[] =>
  part instanceof Safe
    ? part.segments
    : [{ text: typeof part === 'number' ? String(part) : shown(part), style: undefined }]

/** A template literal: its own words are ours, interpolated values are escaped. */
export function text(words: TemplateStringsArray, ...parts: readonly Part[]): Safe {
  return new Safe(
    words.flatMap((word, at) => {
      const part = parts[at]
      return [{ text: word, style: undefined }, ...(part === undefined ? [] : segmentsOf(part))]
    }),
  )
}

export const styled = (style: Style, part: Part): Safe =>
  new Safe(segmentsOf(part).map((segment) => ({ ...segment, style })))
export const joined = (parts: readonly Part[], by: string): Safe =>
  new Safe(parts.flatMap((part, at) => [...(at === 0 ? [] : [{ text: by, style: undefined }]), ...segmentsOf(part)]))

export const plain = (part: Part): string => segmentsOf(part).reduce((all, segment) => all + segment.text, '')
export const widthOf = (part: Part): number => stringWidth(plain(part))

/** Cut to so many columns, with an ellipsis. No character is cut in half. */
export function cut(part: Part, width: number): Safe {
  const segments = segmentsOf(part)
  if (widthOf(part) <= width) return new Safe(segments)
  const kept: Segment[] = []
  let left = width - 1
  const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
  for (const { text: whole, style } of segments) {
    let some = ''
    for (const { segment } of graphemes.segment(whole)) {
      const columns = stringWidth(segment)
      if (columns > left) return new Safe(width < 1 ? [] : [...kept, { text: some, style }, { text: '…', style }])
      some += segment
      left -= columns
    }
    kept.push({ text: some, style })
  }
  return new Safe(kept)
}

export function padded(part: Part, width: number, side: 'left' | 'right' = 'right'): Safe {
  const space = { text: ' '.repeat(Math.max(0, width - widthOf(part))), style: undefined }
  return new Safe(side === 'right' ? [...segmentsOf(part), space] : [space, ...segmentsOf(part)])
}

export function render(part: Part, isColoured: boolean): string {
  if (!isColoured) return plain(part)
  let words = ''
  let style: Style | undefined
  for (const segment of segmentsOf(part)) {
    if (segment.text === '') continue
    if (segment.style !== style)
      words += `${style === undefined ? '' : RESET}${segment.style === undefined ? '' : `\x1b[${CODES[segment.style]}m`}`
    style = segment.style
    words += segment.text
  }
  return style === undefined ? words : words + RESET
}
