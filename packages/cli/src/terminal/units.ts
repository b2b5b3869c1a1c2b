// Numbers for people. Unknown values are a dash, never a zero.

type Known = number | null | undefined
const NONE = '-'
const STEPS = ['B', 'KB', 'MB', 'GB', 'TB']

export function bytes(value: Known): string {
  if (value === null || value === undefined) return NONE
  let at = 0
  let left = value
  while (left >= 1024 && at < STEPS.length - 1) {
    left /= 1024
    at++
  }
  return `${at === 0 || left >= 100 ? Math.round(left) : left.toFixed(1)} ${STEPS[at]}`
}

export const percent = (ratio: Known): string =>
  ratio === null || ratio === undefined ? NONE : `${(ratio * 100).toFixed(1)} %`

/** The difference of two shares, in percentage points. */
export const points = (difference: Known): string =>
  difference === null || difference === undefined ? NONE : (difference * 100).toFixed(1).replace(/^-0\.0$/, '0.0')

/** With commas between thousands, in every locale. */
export const count = (value: Known): string =>
  value === null || value === undefined ? NONE : value.toLocaleString('en-US', { maximumFractionDigits: 1 })

/** A count with its noun, by what is shown: `1 key`, `12,000 entries`. */
export const counted = (value: Known, one: string, many = `${one}s`): string =>
  `${count(value)} ${isOne(value) ? one : many}`

/** How often: `once`, `12 times`. */
export const times = (value: Known): string => (isOne(value) ? 'once' : `${count(value)} times`)

/** A rate of 1.02 is shown as 1. */
const isOne = (value: Known): boolean => count(value) === count(1)

export function milliseconds(value: Known): string {
  if (value === null || value === undefined) return NONE
  if (value >= 1000) return `${(value / 1000).toFixed(value >= 10_000 ? 0 : 1)} s`
  if (value > 0 && value < 0.1) return `${Number((value * 1000).toPrecision(2))} us`
  return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(2))} ms`
}

/** `12 s`, `4m59s`, `1h05m`, `2d03h`. */
export function seconds(value: Known): string {
  if (value === null || value === undefined) return NONE
  if (value < 60) return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)} s`
  const whole = Math.round(value)
  if (whole < 3600) return `${Math.floor(whole / 60)}m${pad(whole % 60)}s`
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h${pad(Math.floor((whole % 3600) / 60))}m`
  return `${Math.floor(whole / 86_400)}d${pad(Math.floor((whole % 86_400) / 3600))}h`
}

/** `14:05:02`, with the date if it is another day. */
export function clock(instant: string, now = new Date()): string {
  const at = new Date(instant)
  if (Number.isNaN(at.getTime())) return instant
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`
  return at.toDateString() === now.toDateString()
    ? time
    : `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${time}`
}

const pad = (value: number): string => String(value).padStart(2, '0')
