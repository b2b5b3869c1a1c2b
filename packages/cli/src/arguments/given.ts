// Command-line options, validated: an invalid value is reported.
import { wrongUse } from '../failure.ts'
import { type OptionName, optionOf } from './options.ts'

export type RawValues = Readonly<Partial<Record<string, string | boolean | readonly (string | boolean)[]>>>

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 }

export class Given {
  readonly #values: RawValues
  readonly positionals: readonly string[]
  /** The command's name. */
  readonly command: string

  constructor(values: RawValues, positionals: readonly string[], command = '') {
    this.#values = values
    this.positionals = positionals
    this.command = command
  }

  has(name: OptionName): boolean {
    return this.#values[name] !== undefined
  }

  flag(name: OptionName): boolean {
    return this.#values[name] === true
  }

  text(name: OptionName): string | undefined {
    const value = this.#values[name]
    if (typeof value !== 'string') return undefined
    const { choices } = optionOf(name)
    if (choices !== undefined && !choices.includes(value))
      throw wrongUse(`--${name} ${value}: use one of ${choices.join(', ')}`)
    return value
  }

  texts(name: OptionName): readonly string[] {
    const value = this.#values[name]
    return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
  }

  /** Split at commas; `\,` is a literal comma. */
  list(name: OptionName): readonly string[] {
    return this.texts(name)
      .flatMap((text) => text.split(/(?<!\\),/).map((part) => part.replaceAll('\\,', ',').trim()))
      .filter((part) => part !== '')
  }

  number(name: OptionName): number | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (/^\d+(\.\d+)?$/.test(value)) return Number(value)
    throw wrongUse(
      Number.isFinite(Number(value)) && value.trim() !== ''
        ? `--${name} ${value} is not allowed: give a number of 0 or more, written as 30 or 0.5`
        : `--${name} ${value} is not a number: give one such as 30`,
    )
  }

  count(name: OptionName): number | undefined {
    const value = this.number(name)
    if (value !== undefined && !Number.isSafeInteger(value)) throw wrongUse(`--${name} ${value} is not a whole number`)
    return value
  }

  /** Milliseconds; a bare number is seconds. */
  duration(name: OptionName): number | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    const [, digits, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|min|h|d)?$/.exec(value) ?? []
    const factor = UNITS[unit]
    if (digits === undefined || factor === undefined || Number(digits) === 0)
      throw wrongUse(`--${name} ${value} is not a duration: give seconds, or one such as 500ms, 2m, 1h`)
    return Number(digits) * factor
  }
}
