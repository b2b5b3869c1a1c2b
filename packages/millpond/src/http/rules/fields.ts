// Header sections in Node's form: a flat array of name, value, name, value.

export type RawFields = readonly string[]

/** All lines of a field, in their order. `name` is in lower case. */
export function fieldLines(fields: RawFields, name: string): string[] {
  const lines: string[] = []
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const field = fields[at] as string
    if (field.length === name.length && field.toLowerCase() === name) lines.push(fields[at + 1] as string)
  }
  return lines
}

/** The field's lines as one value (RFC 9110 5.3), or `undefined` if it is absent. */
export function fieldValue(fields: RawFields, name: string): string | undefined {
  const lines = fieldLines(fields, name)
  return lines.length === 0 ? undefined : lines.length === 1 ? lines[0] : lines.join(', ')
}

/**
 * The field's first line: for fields that are not lists, where a second line is an error (RFC 9111 4.2.1 lets the first
 * one count).
 */
export function firstLine(fields: RawFields, name: string): string | undefined {
  return fieldLines(fields, name)[0]
}

/** The members of a comma-separated list, respecting quotes, trimmed, without empty ones (RFC 9110 5.6.1). */
export function listMembers(value: string | undefined): string[] {
  if (value === undefined) return []
  if (!value.includes('"')) {
    return value
      .split(',')
      .map((member) => member.trim())
      .filter((member) => member !== '')
  }
  const members: string[] = []
  let start = 0
  let quoted = false
  for (let at = 0; at <= value.length; at++) {
    const char = value[at]
    if (char === '\\' && quoted) at++
    else if (char === '"') quoted = !quoted
    else if (char === undefined || (char === ',' && !quoted)) {
      const member = value.slice(start, at).trim()
      if (member !== '') members.push(member)
      start = at + 1
    }
  }
  return members
}

/** The same fields without those whose lower-case name is refused. */
export function withoutFields(fields: RawFields, refused: (name: string) => boolean): string[] {
  const kept: string[] = []
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] as string
    if (!refused(name.toLowerCase())) kept.push(name, fields[at + 1] as string)
  }
  return kept
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const NOT_TEXT = /[^\t\x20-\x7e\x80-\xff]/

/**
 * Parts of a head that cannot be sent (RFC 9110 5.1, 5.5, 15, RFC 9112 4); values may be secrets, and are not shown.
 */
export function unsendable(status: number, reason: string, fields: RawFields): string | undefined {
  if (!(status >= 100 && status <= 999)) return `the status ${status}`
  if (NOT_TEXT.test(reason)) return 'the reason beside the status'
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] as string
    if (!TOKEN.test(name)) return `a field named ${JSON.stringify(name)}`
    if (NOT_TEXT.test(fields[at + 1] as string)) return `the field ${name}`
  }
  return undefined
}

/** RFC 9110 7.6.1 and RFC 9111 3.1: hop-by-hop fields are neither stored nor forwarded. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The names that `Connection` lists, and the hop-by-hop fields. */
export function hopByHop(fields: RawFields): (name: string) => boolean {
  const named = fieldValue(fields, 'connection')
  if (named === undefined) return (name) => HOP_BY_HOP.has(name)
  const listed = new Set(listMembers(named).map((name) => name.toLowerCase()))
  // Without it the origin would answer for another host than the key's.
  listed.delete('host')
  return (name) => HOP_BY_HOP.has(name) || listed.has(name)
}

const USUAL = /^(?:close|keep-alive|upgrade|te)(?:,[\t ]*(?:close|keep-alive|upgrade|te))*$/i
/** Fields that delimit a request, and name its recipient. */
const FRAMING: ReadonlySet<string> = new Set(['connection', 'transfer-encoding', 'content-length', 'host', 'upgrade'])

/**
 * A request as it is forwarded, for evaluating it: a client may name fields in `Connection` that never reach the origin
 * (RFC 9110 7.6.1), so they must not count here either (N. Davison, "Abusing HTTP hop-by-hop request headers", 2019).
 */
export function asForwarded(fields: RawFields): RawFields {
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] as string
    if (name.length !== CONNECTION.length || USUAL.test(fields[at + 1] as string) || name.toLowerCase() !== CONNECTION)
      continue
    const isHop = hopByHop(fields)
    return withoutFields(fields, (one) => isHop(one) && !FRAMING.has(one))
  }
  return fields
}

const CONNECTION = 'connection'

/** The forwarded fields (RFC 9110 7.6.1). */
export function endToEnd(fields: RawFields, refused?: (name: string) => boolean): string[] {
  const isHop = hopByHop(fields)
  return withoutFields(fields, refused === undefined ? isHop : (name) => isHop(name) || refused(name))
}
