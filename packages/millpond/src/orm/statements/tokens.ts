// SQL as tokens: enough of PostgreSQL's and SQLite's lexical rules to distinguish names, values and everything else.

/** Whose rules of quotes, comments and parameters apply. */
export type SqlDialect = 'postgres' | 'sqlite'

/**
 * A piece of a statement. `text` of a word or a quoted name is in lower case: names that differ only in case may be
 * one table or two, and count as one.
 */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'value' | 'parameter' | 'mark'
  readonly text: string
  /** How many parentheses it is nested in. */
  readonly depth: number
  /** For a value: the value. For a parameter: its position from 0, or its name. */
  readonly value?: string | number
}

// Both databases take every character beyond ASCII for a letter, including no-break spaces and emoji.
const SPACE = /[ \t\n\r\f\v\ufeff]+/y
const LINE_COMMENT = { postgres: /--[^\n\r]*/y, sqlite: /--[^\n]*/y }
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y
const NUMBER = /(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?\w*/iy
const DOLLAR = /\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y
const PLACE = /\$(\d+)/y
const SQLITE_PLACE = /\?(\d*)/y
const NAMED = /[:@$]([A-Za-z_]\w*)/y
const MARK = /::|<>|<=|>=|!=|\|\||[\s\S]/y

/**
 * `undefined`: the text does not end where it should (an open quote, bracket or comment), or closes what was not open.
 */
export function tokensOf(sql: string, dialect: SqlDialect): readonly Token[] | undefined {
  const reader = new Reader(sql, dialect)
  const tokens: Token[] = []
  while (reader.at < sql.length) {
    const token = reader.next()
    if (token === 'broken') return undefined
    if (token !== undefined) tokens.push(token)
  }
  return reader.depth === 0 ? tokens : undefined
}

class Reader {
  at = 0
  depth = 0
  readonly #sql: string
  readonly #dialect: SqlDialect
  #places = 0
  #isNamed = false

  constructor(sql: string, dialect: SqlDialect) {
    this.#sql = sql
    this.#dialect = dialect
  }

  /** `undefined`: whitespace or a comment. */
  next(): Token | 'broken' | undefined {
    if (this.#match(SPACE) || this.#match(LINE_COMMENT[this.#dialect])) return undefined
    const two = this.#sql.slice(this.at, this.at + 2)
    if (two === '/*') return this.#comment() ? undefined : 'broken'
    // Names and strings with Unicode escapes: rare, and not supported.
    if (/^[uU]&["']/.test(this.#sql.slice(this.at, this.at + 3))) return 'broken'
    const first = two.charAt(0)
    if (first === "'") return this.#text()
    if (this.#dialect === 'postgres' && /^[eE]'$/.test(two)) return this.#after(1, () => this.#coded(true))
    if (/^[bBxXnN]'$/.test(two)) return this.#after(1, () => this.#coded(false))
    if (first === '"') return this.#quoted('"')
    if (this.#dialect === 'sqlite' && first === '`') return this.#quoted('`')
    if (this.#dialect === 'sqlite' && first === '[') return this.#quoted(']')
    return this.#parameter(first) ?? this.#plain(first)
  }

  #plain(first: string): Token | 'broken' | undefined {
    const word = this.#match(WORD)
    if (word) return this.#token('word', word[0].toLowerCase())
    if (/\d/.test(first) || (first === '.' && /\d/.test(this.#sql.charAt(this.at + 1)))) {
      const number = this.#match(NUMBER)
      if (number)
        return { ...this.#token('value', number[0]), value: /^\d+$/.test(number[0]) ? Number(number[0]) : number[0] }
    }
    const mark = this.#match(MARK)?.[0] ?? ''
    if (mark === ')' && --this.depth < 0) return 'broken'
    const token = this.#token('mark', mark)
    if (mark === '(') this.depth++
    return token
  }

  #parameter(first: string): Token | 'broken' | undefined {
    if (first === '?' && this.#dialect === 'sqlite') {
      const number = this.#match(SQLITE_PLACE)?.[1] ?? ''
      const place = number === '' ? this.#places : Number(number) - 1
      this.#places = place + 1
      // If named parameters precede it, drivers do not agree on which value it means.
      return this.#isNamed ? this.#token('parameter', '?') : { ...this.#token('parameter', '?'), value: place }
    }
    if (first === '$') {
      const place = this.#match(PLACE)
      // In SQLite it is an ordinary name.
      if (place && this.#dialect === 'sqlite') return this.#name(place[0], place[0])
      if (place) return { ...this.#token('parameter', '$'), value: Number(place[1]) - 1 }
      const tag = this.#dialect === 'postgres' ? this.#match(DOLLAR) : undefined
      if (tag) return this.#until(tag[0])
    }
    if (first === ':' && this.#sql.charAt(this.at + 1) === ':') return undefined
    const named = /[:@$]/.test(first) ? this.#match(NAMED) : undefined
    return named ? this.#name(named[0], named[1] ?? '') : undefined
  }

  #name(text: string, value: string): Token {
    this.#isNamed = true
    return { ...this.#token('parameter', text), value }
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.#sql)
    if (found === null) return undefined
    this.at = pattern.lastIndex
    return found
  }

  #token(kind: Token['kind'], text: string): Token {
    return { kind, text, depth: this.depth }
  }

  #after(skip: number, then: () => Token | 'broken'): Token | 'broken' {
    this.at += skip
    return then()
  }

  /** A string in a notation that is not interpreted here. */
  #coded(isEscaped: boolean): Token | 'broken' {
    const inner = this.#inside("'", isEscaped)
    return inner === undefined ? 'broken' : this.#token('value', inner)
  }

  #text(): Token | 'broken' {
    const inner = this.#inside("'", false)
    return inner === undefined ? 'broken' : { ...this.#token('value', inner), value: inner }
  }

  #quoted(end: string): Token | 'broken' {
    const inner = this.#inside(end, false)
    return inner === undefined ? 'broken' : this.#token('quoted', inner.toLowerCase())
  }

  /** The text between quotes; a doubled quote is one quote. */
  #inside(end: string, isEscaped: boolean): string | undefined {
    let text = ''
    for (let at = this.at + 1; at < this.#sql.length; at++) {
      const one = this.#sql.charAt(at)
      if (isEscaped && one === '\\') text += this.#sql.charAt(++at)
      else if (one !== end) text += one
      else if (end !== ']' && this.#sql.charAt(at + 1) === end) text += this.#sql.charAt(++at)
      else {
        this.at = at + 1
        return text
      }
    }
    return undefined
  }

  #until(tag: string): Token | 'broken' {
    const end = this.#sql.indexOf(tag, this.at)
    if (end < 0) return 'broken'
    const inner = this.#sql.slice(this.at, end)
    this.at = end + tag.length
    return { ...this.#token('value', inner), value: inner }
  }

  /** PostgreSQL's comments nest. */
  #comment(): boolean {
    let open = 0
    while (this.at < this.#sql.length) {
      const two = this.#sql.slice(this.at, this.at + 2)
      if (two === '/*' && (open === 0 || this.#dialect === 'postgres')) open++
      else if (two === '*/') open--
      this.at += two === '/*' || two === '*/' ? 2 : 1
      if (open === 0) return true
    }
    return false
  }
}
