// HTTP dates (RFC 9110 5.6.7): exactly the three existing forms, ignoring case.

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const MONTH = `(${MONTHS.join('|')})`
const TIME = '(\\d\\d):(\\d\\d):(\\d\\d)'
const IMF = new RegExp(`^(?:mon|tue|wed|thu|fri|sat|sun), (\\d\\d) ${MONTH} (\\d{4}) ${TIME} gmt$`, 'i')
const RFC850 = new RegExp(`^(?:mon|tues|wednes|thurs|fri|satur|sun)day, (\\d\\d)-${MONTH}-(\\d\\d) ${TIME} gmt$`, 'i')
const ASCTIME = new RegExp(`^(?:mon|tue|wed|thu|fri|sat|sun) ${MONTH} ([ \\d]\\d) ${TIME} (\\d{4})$`, 'i')
const CENTURY = 100
const FIFTY_YEARS = 50

/** Milliseconds since 1970, or `undefined` for an invalid HTTP date. `now` decides the century of two-digit years. */
export function parseHttpDate(text: string | undefined, now: number): number | undefined {
  if (text === undefined || text.length > 40) return undefined
  const imf = IMF.exec(text)
  if (imf !== null) return utc(Number(imf[3]), imf[2], imf[1], imf[4], imf[5], imf[6])
  const asctime = ASCTIME.exec(text)
  if (asctime !== null) return utc(Number(asctime[6]), asctime[1], asctime[2], asctime[3], asctime[4], asctime[5])
  const old = RFC850.exec(text)
  if (old === null) return undefined
  return utc(fullYear(Number(old[3]), now), old[2], old[1], old[4], old[5], old[6])
}

/**
 * RFC 9110 5.6.7: a date that appears to be more than 50 years in the future is the most recent past year with the same
 * digits.
 */
function fullYear(digits: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear()
  const year = thisYear - (thisYear % CENTURY) + digits
  return year > thisYear + FIFTY_YEARS ? year - CENTURY : year
}

type Part = string | undefined

function utc(year: number, monthName: Part, day: Part, hour: Part, minute: Part, second: Part): number | undefined {
  const month = MONTHS.indexOf((monthName ?? '').toLowerCase())
  const [d, h, m, s] = [Number(day), Number(hour), Number(minute), Number(second)]
  // 60: a leap second, which the clocks here do not have.
  if (h > 23 || m > 59 || s > 60) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month, d)
  date.setUTCHours(h, m, Math.min(s, 59))
  return date.getUTCMonth() === month && date.getUTCDate() === d ? date.getTime() : undefined
}
