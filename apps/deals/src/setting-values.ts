// The values of options and variables, each checked, with an error that shows it and says what to give.
import { StartError } from './start-error.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export function isOn(option: string, given = 'on'): boolean {
  if (given === 'on' || given === 'off') return given === 'on'
  throw new StartError(`${option} ${JSON.stringify(given)} is not understood: give on or off`)
}

export function readToken(name: string, env: Environment): string | undefined {
  const token = text(env[name])
  if (token === undefined || /^[\w.-]{32,}$/.test(token)) return token
  throw new StartError(
    `${name} is not a token: give at least 32 characters of letters, digits, "_", "." and "-", or leave it out`,
  )
}

export function flag(name: string, env: Environment, otherwise = true): boolean {
  const value = (text(env[name]) ?? String(otherwise)).toLowerCase()
  if (['true', '1', 'yes', 'on'].includes(value)) return true
  if (['false', '0', 'no', 'off'].includes(value)) return false
  throw new StartError(`${name} ${JSON.stringify(value)} is not understood: give true or false`)
}

export function whole(name: string, value: string, least: number, most: number): number {
  const number = /^\d{1,12}$/.test(value) ? Number(value) : Number.NaN
  if (number >= least && number <= most) return number
  throw new StartError(`${name} ${JSON.stringify(value)} is not allowed: give a whole number from ${least} to ${most}`)
}

/** An empty variable counts as unset. */
export function text(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value.trim()
}

export function protocolOf(url: string): string {
  return URL.canParse(url) && new URL(url).hostname !== '' ? new URL(url).protocol : ''
}

/** Without a possible password. */
export function hidden(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//***@')
}
