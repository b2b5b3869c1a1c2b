// How a statement changes what later ones on its connection mean: other tables, other rights, other formats.
import type { SqlDialect, Token } from './tokens.ts'

/** What a statement changes, on its connection alone. */
export interface Meaning {
  /** Names may mean other tables, or other rows be visible. */
  readonly isOther: boolean
  /** Settings on which answers may depend, such as the time zone, by name. `undefined`: reset. */
  readonly settings: ReadonlyMap<string, string | undefined>
}

export const SAME: Meaning = { isOther: false, settings: new Map() }
const OTHER: Meaning = { ...SAME, isOther: true }

/** Settings that change which tables or rows a query means. */
const NAMING = new Set(['search_path', 'schema', 'role', 'session_authorization', 'row_security', 'all'])
/** Settings of PostgreSQL on which no answer depends. */
const HARMLESS =
  /^(?:\w+_timeout|(?:maintenance_|logical_decoding_)?work_mem|temp_buffers|hash_mem_multiplier|application_name|client_min_messages|log_\w+|synchronous_commit|commit_\w+|enable_\w+|jit\w*|\w+_cost|(?:max|min)_parallel_\w+|parallel_\w+|effective_\w+|geqo\w*|track_\w+|auto_explain|pg_stat_statements|default_transaction_\w+|plan_cache_mode|cursor_tuple_fraction|\w+_collapse_limit|default_statistics_target|tcp_\w+|escape_string_warning|transaction|constraints|characteristics)$/
/** Pragmas of SQLite on which answers depend. */
const PRAGMAS = new Set([
  ...['case_sensitive_like', 'full_column_names', 'short_column_names', 'read_uncommitted'],
  ...['reverse_unordered_selects', 'empty_result_callbacks', 'writable_schema'],
])
const TEMPORARY =
  /\bcreate (?:or replace )?(?:global |local )?temp(?:orary)?\b|(?<!\binsert )\binto (?:local )?(?:temp(?:orary)? (?!\.)|(?:pg_)?temp(?:_\w+)? \. )/
/** A name in the schema of temporary tables. */
const IN_TEMPORARY = / (?:pg_)?temp(?:_\w+)? \. /
/** In code that the database executes, such as that of `do`. */
const WITHIN =
  /\b(?:search_path|row_security|session_authorization|set_config)\b|\b(?:set|reset)\s+(?:session\s+)?role\b|(?:[;'"/]|\b(?:do|begin|then|else|loop))\s*(?:set|reset)\s+(?!local\b|constraints\b|transaction\b)\w/
/** What these contain is executed later, or on other connections. */
export const DEFINITION = /^(?:create (?:or replace )?(?:function|procedure)|alter|comment)\b/
const LOCAL_CONFIG = /\bset_config \( [^()]* , true \)/g
const CONFIG = /\bset_config\b/g

/** What one statement changes. */
export function meaningOf(
  tokens: readonly Token[],
  { kind, isOpaque }: { readonly kind: string; readonly isOpaque: boolean },
  dialect: SqlDialect,
): Meaning {
  const words = tokens.map(({ text }) => text)
  const [first, name = ''] = words
  if (dialect === 'sqlite') {
    if (first === 'attach' || first === 'detach') return OTHER
    if (first === 'pragma') return PRAGMAS.has(words.findLast((_, at) => isPragma(words, at)) ?? '') ? OTHER : SAME
  } else {
    if (first === 'set') return name === 'local' ? SAME : setting(tokens.slice(name === 'session' ? 2 : 1))
    if (first === 'reset') return resetting(words.slice(1))
    if (first === 'discard') return name === 'all' ? OTHER : SAME
  }
  const runs = isOpaque && !DEFINITION.test(words.slice(0, 4).join(' '))
  // A string is only a value, unless the statement executes it.
  const text = tokens.map((token) => (token.kind === 'value' && !runs ? "''" : token.text.toLowerCase())).join(' ')
  if (isTemporary(text) && (kind !== 'write' || isOpaque || first === 'select' || first === 'with')) return OTHER
  const configs = text.match(CONFIG)?.length ?? 0
  if (configs > 0 && !isOpaque) return text.match(LOCAL_CONFIG)?.length === configs ? SAME : OTHER
  // A comment may stand before a statement; a string may look like one.
  return runs && (WITHIN.test(text) || WITHIN.test(text.replaceAll(/--[^\n]*/g, ''))) ? OTHER : SAME
}

/** It creates something temporary: by that word, or by the schema of what it creates, before any bracket. */
function isTemporary(text: string): boolean {
  if (TEMPORARY.test(text)) return true
  return text.split('(').some((part) => {
    const from = part.search(/\bcreate\b/)
    return from >= 0 && IN_TEMPORARY.test(part.slice(from))
  })
}

/** What a text may change that could not be parsed. */
export function meaningOfBroken(sql: string): Meaning {
  return /\b(?:create|set|reset|discard|attach|detach|pragma|set_config|into)\b/i.test(sql) ? OTHER : SAME
}

/** What several statements in one text change. A rollback among them may undo a setting. */
export function joinedMeaning(all: readonly { readonly kind: string; readonly meaning: Meaning }[]): Meaning {
  const settings = new Map(all.flatMap(({ meaning }) => [...meaning.settings]))
  const isMixed = settings.size > 0 && all.some(({ kind }) => kind !== 'session' && kind !== 'read' && kind !== 'write')
  return { isOther: isMixed || all.some(({ meaning }) => meaning.isOther), settings }
}

/** `pragma name`, `pragma schema.name`. */
const isPragma = (words: readonly string[], at: number): boolean => at === 1 || (at === 3 && words[2] === '.')

/** `set name = value`, `set time zone value`, `set role value`. */
function setting(tokens: readonly Token[]): Meaning {
  const words = tokens.map(({ text }) => text)
  const [first = '', second] = words
  if (first === 'authorization' || NAMING.has(first)) return OTHER
  if (HARMLESS.test(first)) return SAME
  if (first === 'standard_conforming_strings') return /^(?:on|true|1|default)$/.test(words.at(-1) ?? '') ? SAME : OTHER
  const isZone = first === 'time' && second === 'zone'
  const at = isZone ? 1 : words.findIndex((word) => word === '=' || word === 'to')
  const name = isZone ? 'timezone' : words.slice(0, Math.max(at, 1)).join('')
  const value = tokens.slice(Math.max(at, 0) + 1)
  const [only] = value
  if (value.length === 1 && only?.kind === 'word' && (only.text === 'default' || (isZone && only.text === 'local')))
    return { ...SAME, settings: new Map([[name, undefined]]) }
  // Of these the exact text is not known.
  if (value.some((one) => one.kind === 'quoted' || (one.kind === 'value' && one.value === undefined))) return OTHER
  const texts = value.map((one) => (one.kind === 'value' ? `'${one.text}'` : one.text))
  return { ...SAME, settings: new Map([[name, texts.join(' ')]]) }
}

function resetting(words: readonly string[]): Meaning {
  const [first = '', second] = words
  if (first === 'session' || NAMING.has(first)) return OTHER
  if (HARMLESS.test(first)) return SAME
  const name = first === 'time' && second === 'zone' ? 'timezone' : words.join('')
  return { ...SAME, settings: new Map([[name, undefined]]) }
}
