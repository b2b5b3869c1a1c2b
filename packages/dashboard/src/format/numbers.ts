// Number formatting: no more digits than are significant, a comma for thousands, a true minus sign, the unit separate.

export interface Figure {
  readonly value: string
  readonly unit: string
}

const BYTES = [
  [1e12, 'TB'],
  [1e9, 'GB'],
  [1e6, 'MB'],
  [1e3, 'kB'],
  [1, 'B'],
] as const
const SPANS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const
type Step = readonly [seconds: number, unit: string]
/** Smaller is not zero. */
const LEAST_PERCENT = 0.05
export const MINUS = '\u2212'

export function createNumbers(locale: string) {
  // "negative": what rounds to zero has no sign.
  const plain = (digits: number) =>
    new Intl.NumberFormat(locale, { maximumFractionDigits: digits, signDisplay: 'negative' })
  const whole = plain(0)
  const kept = new Map([0, 1, 2, 3].map((digits) => [digits, plain(digits)]))
  const number = (value: number, digits = 0): string => (kept.get(digits) ?? whole).format(value).replace('-', MINUS)

  /** Three significant digits, at most two decimals. */
  const short = (value: number): string => {
    const size = Math.abs(value)
    return number(value, size === 0 || size >= 100 ? 0 : size >= 10 ? 1 : 2)
  }
  const scaled = (value: number, steps: readonly (readonly [number, string])[]): Figure => {
    const [per, unit] = steps.find(([at]) => Math.abs(value) >= at) ?? steps.at(-1) ?? [1, '']
    return { value: short(value / per), unit }
  }
  return {
    number,
    short,
    count: (value: number): string => number(value),
    /** A count with its unit. */
    counted: (value: number, one: string, more = `${one}s`): string => `${number(value)} ${value === 1 ? one : more}`,
    /** How often, by what is shown: `once`, `12 times`. */
    times: (value: number): string => (short(value) === short(1) ? 'once' : `${short(value)} times`),
    /** The same number of decimals for all, so that they align. */
    fixed: (value: number, digits: number): string =>
      new Intl.NumberFormat(locale, {
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
        signDisplay: 'negative',
      })
        .format(value)
        .replace('-', MINUS),
    /** A share from 0 to 1 as a percentage. */
    percent: (share: number): Figure => {
      const percent = share * 100
      if (percent > 0 && percent < LEAST_PERCENT) return { value: `< ${number(LEAST_PERCENT, 1)}`, unit: '%' }
      const near = percent > 0 && percent < 10 ? 1 : percent > 99 && percent < 100 ? 1 : 0
      return { value: number(percent, near), unit: '%' }
    },
    bytes: (bytes: number): Figure => scaled(bytes, BYTES),
    /** A measured duration. */
    ms: (ms: number): Figure => {
      if (ms === 0) return { value: '0', unit: 'ms' }
      if (Math.abs(ms) < 1) return { value: number(ms, Math.abs(ms) < 0.1 ? 3 : 2), unit: 'ms' }
      if (Math.abs(ms) < 10_000) return { value: short(ms), unit: 'ms' }
      return inUnit(ms / 1000, largest(ms / 1000))
    },
    /** A configured duration. */
    span: (seconds: number): Figure => inUnit(seconds, exact(seconds) ?? largest(seconds)),
    signed: (value: number, digits = 0): string =>
      (value > 0 && number(value, digits) !== number(0) ? '+' : '') + number(value, digits),
  }

  function inUnit(seconds: number, [per, unit]: Step): Figure {
    return { value: short(seconds / per), unit }
  }
  /** The largest unit in which it is above 1. */
  function largest(seconds: number): Step {
    return SPANS.find(([at]) => seconds >= 2 * at) ?? [1, 's']
  }
  /** The largest unit in which it is a whole number. */
  function exact(seconds: number): Step | undefined {
    return SPANS.find(([per]) => seconds >= per && Number.isInteger(seconds / per))
  }
}

export type Numbers = ReturnType<typeof createNumbers>
