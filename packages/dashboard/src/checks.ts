// Options are validated when they are passed. An error is thrown at once: which option, its value, and what to pass
// instead.

interface Check {
  readonly test: (value: unknown) => boolean
  readonly wanted: string
}

/** One check per option. */
type Checks<O> = { readonly [K in keyof O]-?: Check }

export const text = (wanted = 'a text'): Check => ({
  test: (value) => typeof value === 'string' && value !== '',
  wanted,
})
export const flag: Check = { test: (value) => typeof value === 'boolean', wanted: 'true or false' }
export const fn = (wanted: string): Check => ({ test: (value) => typeof value === 'function', wanted })

export const that = (test: Check['test'], wanted: string): Check => ({ test, wanted })
export const oneOf = (...names: readonly string[]): Check => ({
  test: (value) => names.some((name) => name === value),
  wanted: names.map((name) => `'${name}'`).join(' or '),
})

/** @throws TypeError naming the option, the value and what to pass instead. */
export function checkOptions<O extends object>(given: unknown, checks: Checks<O>, at: string): asserts given is O {
  if (!isOptions(given)) throw refused(at, given, 'an object')
  for (const [name, value] of Object.entries(given)) {
    if (!isNameOf(name, checks))
      throw new TypeError(`[millpond] unknown option "${at}.${name}": ${meant(name, Object.keys(checks))}`)
    const { test, wanted } = checks[name]
    if (value !== undefined && !test(value)) throw refused(`${at}.${name}`, value, wanted)
  }
}

const isNameOf = <C extends object>(name: string, checks: C): name is Extract<keyof C, string> =>
  Object.hasOwn(checks, name)

/** A Promise, a Map or a Date is also an object, but has no options. */
export const isOptions = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Object]'

const refused = (at: string, value: unknown, wanted: string): TypeError =>
  new TypeError(`[millpond] ${at}: ${shown(value)} is not allowed: give ${wanted}`)

/** An option with the same letters, in any order and case, was probably meant. */
function meant(name: string, names: readonly string[]): string {
  const letters = (text: string): string => [...text.toLowerCase()].sort().join('')
  const near = names.find((known) => letters(known) === letters(name))
  return `${near === undefined ? '' : `did you mean "${near}"? `}there are ${names.join(', ')}`
}

function shown(value: unknown): string {
  if (typeof value === 'function') return `a function ${value.name}`.trimEnd()
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'object' || value === null)
    return typeof value === 'string' ? JSON.stringify(value) : String(value)
  const name = value.constructor?.name ?? 'Object'
  try {
    const json = JSON.stringify(value)
    return json === '{}' && name !== 'Object' ? `an instance of ${name}` : json.slice(0, 80)
  } catch {
    return `an instance of ${name}`
  }
}
