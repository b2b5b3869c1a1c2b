// Words of the server, as a sentence of the page.
import { MINUS, type Numbers } from './numbers.ts'

export const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** With its counts written as all counts are, and a true minus. */
export const spelled = (numbers: Numbers, text: string): string =>
  text.replace(/\b\d{4,}\b/g, (digits) => numbers.count(Number(digits))).replace(/(?<=^|[\s(])-(?=\d)/g, MINUS)
