// The server's text as a sentence of the page.
import { MINUS, type Numbers } from './numbers.ts'

export const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** With its numbers formatted like all others, and a true minus sign. */
export const spelled = (numbers: Numbers, text: string): string =>
  text.replace(/\b\d{4,}\b/g, (digits) => numbers.count(Number(digits))).replace(/(?<=^|[\s(])-(?=\d)/g, MINUS)
