// Comma-separated values by RFC 4180: quotes, CRLF or LF, a byte order mark; each record knows its line.

export interface CsvRecord {
  /** 1 for the first line of the file. */
  readonly line: number
  readonly fields: readonly string[]
}

/** Every non-blank record of the text. An unclosed quote ends with the text. */
export function* parseCsv(text: string): Generator<CsvRecord> {
  let line = 1
  let startLine = 1
  let fields: string[] = []
  let field = ''
  let quoted = false
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text
  for (let at = 0; at <= source.length; at++) {
    const char = source[at]
    if (quoted && char !== undefined) {
      if (char === '"' && source[at + 1] === '"') {
        field += '"'
        at++
      } else if (char === '"') quoted = false
      else {
        if (char === '\n') line++
        field += char
      }
    } else if (char === '"' && field === '') quoted = true
    else if (char === ',') {
      fields.push(field)
      field = ''
    } else if (char === '\n' || char === undefined) {
      fields.push(field.endsWith('\r') ? field.slice(0, -1) : field)
      if (fields.length > 1 || fields[0] !== '') yield { line: startLine, fields }
      fields = []
      field = ''
      startLine = ++line
    } else field += char
  }
}
