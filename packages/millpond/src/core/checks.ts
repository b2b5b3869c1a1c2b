// Options declared as data: for each name the check of its value, tied to the type that users see, so that neither can have a name that the other lacks.
//
// An option that is `undefined` is as absent. What is wrong throws at once: which option, the value, and what to give instead.
import { type Duration, parseDuration } from './duration.ts'
import { MillpondError, show } from './errors.ts'

/** Returns the value, or throws. `at` is the option's full name: `breaker.openMs`. */
export type Check<T> = (value: unknown, at: string) => T

/** The check of an option that must be given: see `required`. */
export type Required<T> = Check<T> & { readonly isRequired: true }

/** One check for each option. */
export type Shape<O> = {
  readonly [K in keyof O]-?: Partial<Pick<O, K>> extends Pick<O, K> ? Check<Exclude<O[K], undefined>> : Required<O[K]>
}

/**
 * @param at what the options belong to, for the message: `''` for those of `createCache`, else `breaker`, `tiers[1]`.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, or what a check throws.
 */
export function checkOptions<O extends object>(given: unknown, shape: Shape<O>, at: string): asserts given is O {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw refused(given, at === '' ? 'options' : at, 'an object')
  for (const name of Object.keys(given)) {
    const full = at === '' ? name : `${at}.${name}`
    if (!isNameOf(name, shape)) throw unknownName(name, Object.keys(shape), full)
    const value: unknown = Reflect.get(given, name)
    if (value !== undefined) shape[name](value, full)
  }
  for (const [name, one] of Object.entries<Check<unknown>>(shape))
    if ('isRequired' in one && Reflect.get(given, name) === undefined) one(undefined, at === '' ? name : `${at}.${name}`)
}

/** Makes a check complain of an option that is absent. */
export function required<T>(one: Check<T>): Required<T> {
  return Object.assign((value: unknown, at: string) => one(value, at), { isRequired: true } as const)
}

const isNameOf = <S extends object>(name: string, shape: S): name is Extract<keyof S, string> => Object.hasOwn(shape, name)

/** The error for a name that does not exist: the one that was meant, where it is near, and all that there are. */
export function unknownName(name: string, names: readonly string[], full = name, what = 'option'): MillpondError {
  const near = names.find((known) => distance(known.toLowerCase(), name.toLowerCase()) <= 2)
  const meant = near === undefined || name.length < 3 ? '' : ` did you mean ${show(near)}?`
  return new MillpondError('OPTION_INVALID', `unknown ${what} ${show(full)}:${meant} there are ${names.join(', ')}`)
}

/** @param wanted what to give: `a whole number from 1`. */
export function refused(value: unknown, at: string, wanted: string): MillpondError {
  return new MillpondError('OPTION_INVALID', `${at}: ${show(value)} is not allowed: give ${wanted}`)
}

/** A check by a predicate. */
export function check<T>(test: (value: unknown) => value is T, wanted: string): Check<T> {
  return (value, at) => {
    if (test(value)) return value
    throw refused(value, at, wanted)
  }
}

export const duration: Check<Duration> = (value, at) => {
  parseDuration(value, at)
  return value as Duration
}

export const flag = check((value) => typeof value === 'boolean', 'true or false')

export const text = check((value): value is string => typeof value === 'string' && value !== '', 'a text')

/** @param isEndless `Infinity` is allowed, too. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER, isEndless = false): Check<number> {
  const to = most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`
  return check(
    (value): value is number =>
      (isEndless && value === Number.POSITIVE_INFINITY) ||
      (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most),
    `a whole number from ${least}${to}${isEndless ? ', or Infinity' : ''}`,
  )
}

export function oneOf<const T extends string>(...words: readonly T[]): Check<T> {
  return check((value): value is T => words.some((word) => word === value), words.map((word) => `'${word}'`).join(' or '))
}

// biome-ignore lint/suspicious/noExplicitAny: any function; its arguments cannot be looked at
type AnyFunction = (...args: any[]) => any

/** Any function: what it takes and answers cannot be seen from outside. */
export function fn<F extends AnyFunction>(wanted = 'a function'): Check<F> {
  return check((value): value is F => typeof value === 'function', wanted)
}

/** An object (of whatever class) that has these methods. */
export function withMethods<T extends object>(wanted: string, ...methods: readonly (keyof T & string)[]): Check<T> {
  return check(
    (value): value is T =>
      ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
      methods.every((name) => typeof Reflect.get(value, name) === 'function'),
    wanted,
  )
}

export function listOf<T>(item: Check<T>, wanted = 'an array'): Check<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw refused(value, at, wanted)
    return value.map((one, index) => item(one, `${at}[${index}]`))
  }
}

/** Options within options. */
export function options<O extends object>(shape: Shape<O>): Check<O> {
  return (value, at) => {
    checkOptions<O>(value, shape, at)
    return value
  }
}

/** `false`, to switch off what another value would set. */
export function orOff<T>(other: Check<T>): Check<T | false> {
  return (value, at) => (value === false ? false : other(value, at))
}

/** For what a part checks by itself, when it is made. */
export const checkedElsewhere = <T>(value: unknown): T => value as T

/** How many letters to add, take away, change or swap with their neighbour (Damerau; at most 3 is told apart). */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (isSame ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (before[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    before = last
    last = row
  }
  return last[b.length] ?? 3
}
