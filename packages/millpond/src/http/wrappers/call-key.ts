// The key of a call: which function, with which arguments.
import { canonical } from '../../core/canonical.ts'
import { MillpondError, show } from '../../core/errors.ts'
import type { Key, KeyPart } from '../../core/key.ts'

/** Arguments as parts of a key: primitives unchanged, plain data as JSON with sorted names. */
export function argumentParts(args: readonly unknown[], name: string): KeyPart[] {
  return args.map((argument) => partOf(argument, name))
}

function partOf(argument: unknown, name: string): KeyPart {
  // The marker makes it differ from every plain string.
  if (argument === undefined) return `${MARK}u`
  if (typeof argument === 'string') return argument.startsWith(MARK) ? `${MARK}s${argument}` : argument
  if (argument === null || typeof argument === 'boolean' || typeof argument === 'bigint') return argument
  if (typeof argument === 'number' && Number.isFinite(argument)) return argument
  const text = canonical(argument)
  if (text !== undefined) return `${MARK}j${text}`
  throw new MillpondError(
    'OPTION_INVALID',
    `${name} was called with ${show(argument)}, from which no key can be made: give the option key`,
  )
}

const MARK = '\u0001'

export function callKey(prefix: string, parts: readonly KeyPart[]): Key {
  return ['call', prefix, ...parts]
}
