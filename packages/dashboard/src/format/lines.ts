// Names written one per line. A name that a line cannot represent, such as one with a trailing space or a line break,
// is written as a JSON string.

/** The names in a text, without empty lines. */
export function linesOf(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => unquoted(line) ?? line)
}

/** A name as a line that `linesOf` parses back. */
export function lineOf(name: string): string {
  const isPlain = name.trim() === name && !/[\r\n]/.test(name) && unquoted(name) === undefined
  return isPlain ? name : JSON.stringify(name)
}

function unquoted(line: string): string | undefined {
  if (!line.startsWith('"')) return undefined
  try {
    const name: unknown = JSON.parse(line)
    return typeof name === 'string' && name !== '' ? name : undefined
  } catch {
    return undefined
  }
}
