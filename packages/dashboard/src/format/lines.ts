// Names written one a line. What a line would lose, such as a space at its end or a line break, stands in the quotes of
// JSON.

/** The names of a text, empty lines left out. */
export function linesOf(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => unquoted(line) ?? line)
}

/** A name as a line that `linesOf` reads back as it was. */
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
