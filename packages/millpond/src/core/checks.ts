// Options declared as data: a check for each name, tied to the public type, so that neither can have a name that the
// other lacks.
//
// An `undefined` option counts as absent. Errors are thrown at once: which option, its value, and what to pass instead.
import type { Clock } from './contracts.ts'
import { type Duration, parseDuration } from './duration.ts'
import { MillpondError, show } from './errors.ts'

/** Returns the value, or throws. `at` is the option's full name: `breaker.openMs`. */
export type Check<T> = (value: unknown, at: string) => T

/** The check of a required option: see `required`. */
export type Required<T> = Check<T> & { readonly isRequired: true }

/** Options with a value for each name: as they are once defaults are filled in. */
export type Resolved<O> = { readonly [K in keyof O]-?: Exclude<O[K], undefined> }

/** One check per option. */
export type Shape<O> = {
  readonly [K in keyof O]-?: Partial<Pick<O, K>> extends Pick<O, K> ? Check<Exclude<O[K], undefined>> : Required<O[K]>
}

/**
 * Validates each given option, and the required ones.
 * @param at what the options belong to, for the message: `''` for those of `createCache`, else `breaker`, `tiers[1]`.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, or what a check throws.
 */
export function checkOptions<O extends object>(given: unknown, shape: Shape<O>, at: string): asserts given is O {
  if (!isOptions(given))
    throw refused(
      given,
      at === '' ? 'options' : at,
      given instanceof Promise ? 'the value it resolves with' : 'an object',
    )
  for (const name of Object.keys(given)) {
    const full = at === '' ? name : `${at}.${name}`
    if (!isNameOf(name, shape)) throw unknownName(name, Object.keys(shape), full)
    const value: unknown = Reflect.get(given, name)
    if (value !== undefined) shape[name](value, full)
  }
  for (const name of requiredOf(shape))
    if (Reflect.get(given, name) === undefined) shape[name](undefined, at === '' ? name : `${at}.${name}`)
}

/**
 * An object of names. A Promise, a Map or a Date has none: accepted as options it would be ignored, and the mistake
 * would go unnoticed.
 */
function isOptions(given: unknown): given is object {
  if (typeof given !== 'object' || given === null) return false
  const prototype: unknown = Object.getPrototypeOf(given)
  return (
    prototype === Object.prototype || prototype === null || Object.prototype.toString.call(given) === '[object Object]'
  )
}

const requiredNames = new WeakMap<object, readonly string[]>()

/** Options come with each call; the required ones are constant. */
function requiredOf<S extends object>(shape: S): readonly Extract<keyof S, string>[] {
  const known =
    requiredNames.get(shape) ?? Object.entries(shape).flatMap(([name, one]) => ('isRequired' in one ? [name] : []))
  requiredNames.set(shape, known)
  return known as readonly Extract<keyof S, string>[]
}

/** Makes a check reject an absent option. */
export function required<T>(one: Check<T>): Required<T> {
  return Object.assign((value: unknown, at: string) => one(value, at), { isRequired: true } as const)
}

const isNameOf = <S extends object>(name: string, shape: S): name is Extract<keyof S, string> =>
  Object.hasOwn(shape, name)

/**
 * The existing name that was probably meant: at most two letters away, ignoring case; undefined if there is none, or
 * the name is shorter than three.
 */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const given = name.toLowerCase()
  const [near] = names
    .map((known) => ({
      known,
      letters: distance(known.toLowerCase(), given),
      longer: Math.abs(known.length - name.length),
    }))
    .filter(({ letters }) => letters <= 2)
    .sort((a, b) => a.letters - b.letters || a.longer - b.longer)
  return name.length < 3 ? undefined : near?.known
}

/** The error for an unknown name: with the one that was probably meant, and all that exist. */
export function unknownName(name: string, names: readonly string[], full = name, what = 'option'): MillpondError {
  const near = nearest(name, names)
  const meant = near === undefined ? '' : ` did you mean ${show(near)}?`
  return new MillpondError('OPTION_INVALID', `unknown ${what} ${show(full)}:${meant} there are ${names.join(', ')}`)
}

/** The error for an invalid value. @param wanted what to pass instead: `a whole number from 1`. */
export function refused(value: unknown, at: string, wanted: string): MillpondError {
  return new MillpondError('OPTION_INVALID', `${at}: ${show(value)} is not allowed: give ${wanted}`)
}

/** A shape without some of its names, for a type that omits them. */
export function omit<O extends object, K extends string>(shape: O, ...names: readonly K[]): Omit<O, K> {
  const rest: object = Object.fromEntries(Object.entries(shape).filter(([name]) => !names.some((one) => one === name)))
  return rest as Omit<O, K>
}

/** A check by a predicate. */
export function check<T>(test: (value: unknown) => value is T, wanted: string): Check<T> {
  return (value, at) => {
    if (test(value)) return value
    throw refused(value, at, wanted)
  }
}

/** Milliseconds, or a string with its unit: `'5m'`. */
export const duration: Check<Duration> = (value, at) => {
  parseDuration(value, at)
  return value as Duration
}

/** Exactly `true` or `false`. */
export const flag = check((value) => typeof value === 'boolean', 'true or false')

/** A non-empty string. */
export const text = check((value): value is string => typeof value === 'string' && value !== '', 'a text')

/** A whole number. @param isEndless `Infinity` is allowed, too. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER, isEndless = false): Check<number> {
  const to = most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`
  return check(
    (value): value is number =>
      (isEndless && value === Number.POSITIVE_INFINITY) ||
      (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most),
    `a whole number from ${least}${to}${isEndless ? ', or Infinity' : ''}`,
  )
}

/** One of these strings. */
export function oneOf<const T extends string>(...words: readonly T[]): Check<T> {
  return check(
    (value): value is T => words.some((word) => word === value),
    words.map((word) => `'${word}'`).join(' or '),
  )
}

// biome-ignore lint/suspicious/noExplicitAny: any function; its arguments cannot be looked at
type AnyFunction = (...args: any[]) => any

/** A number from 0 to 1. */
export const share = check(
  (value): value is number => typeof value === 'number' && value >= 0 && value <= 1,
  'a number from 0 to 1',
)

/** Checked by its used members: one of another realm (a test's, an iframe's) is accepted, too. */
export const signal = check(
  (value): value is AbortSignal =>
    typeof value === 'object' &&
    value !== null &&
    'aborted' in value &&
    'addEventListener' in value &&
    'reason' in value,
  'an AbortSignal',
)

/** Non-empty strings. */
export const texts = (wanted: string): Check<readonly string[]> => listOf(text, wanted)

/** What the inner check takes, or a list of it. */
export function oneOrMore<T>(one: Check<T>, wanted: string): Check<T | readonly T[]> {
  const many = listOf(one, wanted)
  return (value, at) => (Array.isArray(value) ? many(value, at) : one(value, at))
}

/** Any function: its parameters and result cannot be checked. */
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

/** An array whose items `item` checks. */
export function listOf<T>(item: Check<T>, wanted = 'an array'): Check<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw refused(value, at, wanted)
    return value.map((one, index) => item(one, `${at}[${index}]`))
  }
}

/** A clock: the tests' or the machine's. */
export const clock = withMethods<Clock>(
  'a clock, such as the fake one of millpond/testing',
  'now',
  'monotonic',
  'after',
)

/** Nested options. */
export function options<O extends object>(shape: Shape<O>): Check<O> {
  return (value, at) => {
    checkOptions<O>(value, shape, at)
    return value
  }
}

/** `false`, to switch something off. */
export function orOff<T>(other: Check<T>): Check<T | false> {
  return (value, at) => (value === false ? false : other(value, at))
}

/** `null`, to go back to the previous setting. */
export function orNull<T>(other: Check<T>): Check<T | null> {
  return (value, at) => (value === null ? null : other(value, at))
}

/**
 * For values that a part validates itself, when it is made. `null` is never meant: treated as absent, it would hide a
 * mistake.
 */
export const checkedElsewhere = <T>(value: unknown, at: string): T => {
  if (value === null) throw refused(value, at, 'a value, or leave it out')
  return value as T
}

/** An object of the caller's own names. */
export function record<T extends object>(wanted: string, isItem: (item: unknown) => boolean = () => true): Check<T> {
  return check((value): value is T => isOptions(value) && Object.values(value).every(isItem), wanted)
}

/** An object from the caller's own names to values that `item` checks. */
export function recordOf<T>(item: Check<T>, wanted: string): Check<Readonly<Record<string, T>>> {
  const any = record<Readonly<Record<string, unknown>>>(wanted)
  return (value, at) =>
    Object.fromEntries(Object.entries(any(value, at)).map(([name, one]) => [name, item(one, `${at}.${name}`)]))
}

/** A switch, or the options of what it enables, which are validated elsewhere. */
export function flagOr<T extends object>(wanted: string): Check<boolean | T> {
  return check((value): value is boolean | T => typeof value === 'boolean' || isOptions(value), wanted)
}

/** The number of letters to add, remove, change or swap with their neighbour (Damerau; at most 3 are distinguished). */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (isSame ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    before = last
    last = row
  }
  return last[b.length] ?? 3
}
