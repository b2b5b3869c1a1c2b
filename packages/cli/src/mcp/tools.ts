// An assistant's tools, generated from the control plane's OpenAPI document: a query for each route that reads or
// plans, a proposal for each that acts.
import { isObject } from '../connection/files.ts'
import { at, type Row, rowsAt, textAt, textsAt } from '../connection/read.ts'
import { Failure } from '../failure.ts'

export interface Tool {
  readonly name: string
  readonly description: string
  readonly inputSchema: Row
  /** `propose` does nothing: it waits in the control plane for a person. */
  readonly kind: 'ask' | 'propose'
  readonly method: string
  /** Below the API's base, with `{name}` for path parameters. */
  readonly path: string
  readonly summary: string
  readonly inPath: readonly string[]
  readonly inQuery: readonly string[]
  readonly hasBody: boolean
}

export interface ToolCall {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly body: unknown
}

/** POST routes that change nothing. */
const QUESTIONS = new Set(['invalidations/plan/', 'optimizations/analyze/'])

/**
 * Never available to an assistant, neither as query nor as proposal: paths that begin with one of these, or equal it.
 */
const WITHHELD = [
  'keys/{key}/value/', // values are personal data
  'keys/{key}/copies/',
  'erasures/', // erasures: performed by people from beginning to end
  'session/', // credentials
  'tokens/',
  'users/',
  'batch/', // its contents are available as separate tools
  'stream/', // has no end
]

const READ_ONLY = { type: 'object', additionalProperties: false } as const
const OPENAPI = 'openapi.json'

/** @param scopes the caller's permissions; routes beyond them are not offered */
export function toolsOf(document: unknown, scopes: readonly string[]): readonly Tool[] {
  const paths = Object.entries(isObject(at(document, 'paths')) ? (at(document, 'paths') as Row) : {})
  const base = paths.map(([path]) => path).find((path) => path.endsWith(`/${OPENAPI}`))
  if (base === undefined)
    throw new Failure(
      'unavailable',
      'the control plane returned an incomplete OpenAPI document: is it another release?',
    )
  const root = base.slice(0, -OPENAPI.length)
  return paths.flatMap(([path, operations]) => {
    if (!path.startsWith(root)) return []
    const short = path.slice(root.length)
    if (short === OPENAPI || WITHHELD.some((one) => short.startsWith(one))) return []
    return Object.entries(isObject(operations) ? operations : {}).flatMap(([method, operation]) =>
      toolOf(method.toUpperCase(), short, operation, scopes),
    )
  })
}

function toolOf(method: string, path: string, operation: unknown, scopes: readonly string[]): readonly Tool[] {
  const kind = method === 'GET' || QUESTIONS.has(path) ? 'ask' : 'propose'
  if (kind === 'propose' && at(operation, 'x-proposable') !== true) return []
  const scope = textAt(operation, 'x-permission')
  // Another person carries a proposal out, with that person's permissions.
  if (kind === 'ask' && (!answersJson(operation) || (scope !== 'any' && !scopes.includes(scope)))) return []
  const parameters = rowsAt(operation, 'parameters')
  const namesIn = (place: string): string[] =>
    parameters.filter((one) => one.in === place).map((one) => textAt(one, 'name'))
  const body = at(operation, 'requestBody', 'content', 'application/json', 'schema')
  const summary = textAt(operation, 'summary')
  const required = parameters.filter((one) => one.required === true).map((one) => textAt(one, 'name'))
  const properties: Record<string, unknown> = Object.fromEntries(
    parameters.map((one) => [textAt(one, 'name'), one.schema ?? {}]),
  )
  if (body !== undefined) properties.body = body
  if (kind === 'propose')
    properties.why = { type: 'string', minLength: 1, maxLength: 500, description: 'for the person who decides' }
  return [
    {
      name: `${kind === 'propose' ? 'propose_' : ''}${textAt(operation, 'operationId')}`,
      description:
        kind === 'ask' ? `${summary}.` : `Proposes without doing it: ${summary}. A person approves or rejects it.`,
      inputSchema: { ...READ_ONLY, properties, required: kind === 'propose' ? [...required, 'why'] : required },
      kind,
      method,
      path,
      summary,
      inPath: namesIn('path'),
      inQuery: namesIn('query'),
      hasBody: body !== undefined,
    },
  ]
}

const answersJson = (operation: unknown): boolean =>
  at(operation, 'responses', '200', 'content', 'application/json') !== undefined

/** @throws Failure for arguments that the tool does not take; the control plane validates their values */
export function callOf(tool: Tool, given: unknown): ToolCall & { readonly why: string } {
  if (given !== undefined && !isObject(given)) throw new Failure('usage', `${tool.name} takes an object of arguments`)
  const args = given ?? {}
  const known = Object.keys(isObject(tool.inputSchema.properties) ? tool.inputSchema.properties : {})
  const unknown = Object.keys(args).find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new Failure(
      'usage',
      `${tool.name} has no argument ${JSON.stringify(unknown)}: there are ${known.join(', ') || 'none'}`,
    )
  const missing = textsAt(tool.inputSchema, 'required').find((name) => args[name] === undefined)
  if (missing !== undefined) throw new Failure('usage', `${tool.name} needs ${JSON.stringify(missing)}`)
  const why = args.why
  if (tool.kind === 'propose' && (typeof why !== 'string' || why.trim() === '' || why.length > 500))
    throw new Failure('usage', `${tool.name}: why must be a string of 1 to 500 characters for the person who decides`)
  const query = tool.inQuery.flatMap((name) =>
    args[name] === undefined ? [] : [[name, single(tool, name, args[name])] as const],
  )
  return {
    method: tool.method,
    path: tool.path.replace(/\{(\w+)\}/g, (_, name: string) => segment(tool, name, args[name])),
    query: Object.fromEntries(query),
    body: tool.hasBody ? (args.body ?? {}) : undefined,
    why: typeof why === 'string' ? why : '',
  }
}

function single(tool: Tool, name: string, value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new Failure('usage', `${tool.name}: ${name} must be a string, a number, true or false`)
}

/** One path segment: a value that would leave it is not a valid name. */
function segment(tool: Tool, name: string, value: unknown): string {
  const piece = single(tool, name, value)
  if (piece === '' || piece === '.' || piece === '..' || !piece.isWellFormed())
    throw new Failure('usage', `${tool.name}: ${JSON.stringify(piece)} cannot be a ${name} in a path`)
  return encodeURIComponent(piece)
}
