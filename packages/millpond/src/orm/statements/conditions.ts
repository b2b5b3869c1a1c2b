// Which values a statement compares columns with, so that every row it meets has them: `where id = $1 and ...`, `where
// id in (1, 2)`.
import type { Token } from './tokens.ts'

const ENDS = new Set([
  'group',
  'order',
  'having',
  'limit',
  'offset',
  'fetch',
  'for',
  'returning',
  'window',
  'union',
  'intersect',
  'except',
])

/** Conditions that are nested deeper are not read: each level is read once more for each that it is in. */
const MAX_DEPTH = 50

/** Those of the statement's own `where`. `undefined`: it has none, or one that other rows may meet too. */
export function conditionsOf(tokens: readonly Token[]): ReadonlyMap<string, readonly Token[]> | undefined {
  const from = tokens.findIndex(({ kind, text, depth }) => kind === 'word' && text === 'where' && depth === 0)
  if (from < 0) return undefined
  const rest = tokens.slice(from + 1)
  // A column may have the name of a clause (`offset`), so conditions may follow it.
  if (rest.some(({ kind, text, depth }) => kind === 'word' && depth === 0 && text === 'or')) return undefined
  if (rest.some(({ depth }) => depth > MAX_DEPTH)) return undefined
  const end = rest.findIndex(({ kind, text, depth }) => kind === 'word' && depth === 0 && ENDS.has(text))
  const found = new Map<string, readonly Token[]>()
  collect(end < 0 ? rest : rest.slice(0, end), found)
  return found
}

/** The columns that an `update` sets. `*`: not known. */
export function setColumns(tokens: readonly Token[], at: number): readonly string[] {
  const depth = tokens[at]?.depth ?? 0
  let from = at + 1
  const isSet = (token: Token | undefined): boolean =>
    token?.kind === 'word' && token.text === 'set' && token.depth === depth
  while (from < tokens.length && !isSet(tokens[from])) from++
  if (from === tokens.length) return ['*']
  const columns: string[] = []
  for (let place = from; place < tokens.length; place++) {
    const token = tokens[place]
    if (token === undefined || token.depth < depth) break
    if (token.depth > depth) continue
    if (token.kind === 'word' && (token.text === 'where' || token.text === 'from' || token.text === 'returning')) break
    if (place !== from && token.text !== ',') continue
    const name = tokens[place + 1]
    // `set (a, b) = (1, 2)`
    columns.push(name?.kind === 'word' || name?.kind === 'quoted' ? name.text : '*')
  }
  return columns
}

function collect(tokens: readonly Token[], found: Map<string, readonly Token[]>): void {
  const inner = unwrapped(tokens)
  const depth = inner[0]?.depth ?? 0
  const isAt = (token: Token, word: string): boolean =>
    token.kind === 'word' && token.depth === depth && token.text === word
  // An `and` within a `case` does not join conditions of the statement.
  if (inner.some((token) => isAt(token, 'or') || isAt(token, 'case'))) return
  const parts = split(inner, (token) => isAt(token, 'and'))
  if (parts.length > 1) {
    // The `and` of a `between` does not join conditions.
    for (const [at, part] of parts.entries())
      if (!parts[at - 1]?.some((token) => isAt(token, 'between'))) collect(part, found)
    return
  }
  const one = comparison(inner)
  if (one !== undefined && !found.has(one.column)) found.set(one.column, one.values)
}

/** Without parentheses around all of it. */
function unwrapped(tokens: readonly Token[]): readonly Token[] {
  const [first] = tokens
  const last = tokens.at(-1)
  if (first === undefined || first.text !== '(' || last?.text !== ')' || last.depth !== first.depth) return tokens
  const closes = tokens.findIndex(({ text, depth }) => text === ')' && depth === first.depth)
  return closes === tokens.length - 1 ? unwrapped(tokens.slice(1, -1)) : tokens
}

function split(tokens: readonly Token[], isBetween: (token: Token) => boolean): readonly (readonly Token[])[] {
  const parts: Token[][] = [[]]
  for (const token of tokens) {
    if (isBetween(token)) parts.push([])
    else parts.at(-1)?.push(token)
  }
  return parts
}

function comparison(
  tokens: readonly Token[],
): { readonly column: string; readonly values: readonly Token[] } | undefined {
  const column = columnOf(tokens)
  if (column === undefined) return undefined
  const [operator, ...rest] = tokens.slice(column.length)
  if (operator?.text === '=') {
    const [value, ...cast] = rest
    const isAlone = cast.length === 0 || (cast[0]?.text === '::' && cast.length === 2)
    return value !== undefined && isValue(value) && isAlone ? { column: column.name, values: [value] } : undefined
  }
  if (operator?.text !== 'in' || rest[0]?.text !== '(' || rest.at(-1)?.text !== ')') return undefined
  const values = split(rest.slice(1, -1), ({ text, kind }) => kind === 'mark' && text === ',')
  const alone = values.flatMap((value) => (value.length === 1 ? value : []))
  return alone.length === values.length && alone.every(isValue) ? { column: column.name, values: alone } : undefined
}

function columnOf(tokens: readonly Token[]): { readonly name: string; readonly length: number } | undefined {
  let name: string | undefined
  let length = 0
  for (;;) {
    const token = tokens[length]
    if (token === undefined || (token.kind !== 'word' && token.kind !== 'quoted')) return undefined
    name = token.text
    length++
    if (tokens[length]?.text !== '.') return { name, length }
    length++
  }
}

const isValue = ({ kind }: Token): boolean => kind === 'value' || kind === 'parameter'
