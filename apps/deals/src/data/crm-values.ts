// Parsing values of the sales pipeline: dates, amounts, misspelt names.
import { dayOf } from '../db/days.ts'

/** The organisation of deals whose account the file leaves empty. */
export const NO_ACCOUNT = 'No account named'

/** `dd-mm-yy` (the file's own form) or `yyyy-mm-dd`; undefined for anything else. */
export function readDay(text: string): number | undefined {
  const short = /^(\d{2})-(\d{2})-(\d{2})$/.exec(text)
  if (short) return dayOf(2000 + Number(short[3]), Number(short[2]), Number(short[1]))
  const long = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text)
  return long ? dayOf(Number(long[1]), Number(long[2]), Number(long[3])) : undefined
}

/** Whole cents of an amount such as `1054` or `1100.04`; undefined for anything else, also for negative ones. */
export function readCents(text: string): number | undefined {
  return /^\d{1,12}(\.\d{1,2})?$/.test(text) ? Math.round(Number(text) * 100) : undefined
}

export function readWhole(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

const MISSPELT = new Map([
  ['technolgy', 'technology'],
  ['telecommunictions', 'telecommunications'],
  ['Philipines', 'Philippines'],
])

/** Known misspellings of sectors and places, corrected. */
export function spell(text: string): string {
  return MISSPELT.get(text) ?? text
}

/** A name without the usual variations: case, spaces, punctuation. */
export function loose(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')
}

/** `Q3 2017` of a day: the form of the file's derived columns. */
export function quarterOf(day: number): string {
  const at = new Date(day * 86_400_000)
  return `Q${Math.floor(at.getUTCMonth() / 3) + 1} ${at.getUTCFullYear()}`
}
