// Text of others in which nothing is hidden: what has no glyph of its own, or turns the direction of writing, is
// written as its escape.

/** Controls, lone surrogates, line separators, formats but for the joiner within an emoji, invisible selectors. */
const HIDDEN =
  /\p{Cc}|\p{Cs}|\p{Zl}|\p{Zp}|[\u{E0100}-\u{E01EF}]|\u115F|\u1160|\u3164|\uFFA0|(?!\u200d)\p{Cf}|(?<!\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f)\u200d/gu

const escaped = (character: string): string =>
  [...Array(character.length).keys()]
    .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('')

/** A line of text. */
export const seen = (text: string): string => text.replace(HIDDEN, escaped)

/** JSON, over several lines. */
export const seenJson = (data: unknown): string =>
  (JSON.stringify(data, null, 2) ?? 'null').replace(HIDDEN, (character) =>
    character === '\n' ? character : escaped(character),
  )
