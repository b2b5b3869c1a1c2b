// What a server error says about the statement, the schema and the connection.

import { isError } from '../../core/errors.ts'

/** The SQLSTATE of a server error; undefined if the error did not come from the server. */
export function sqlState(error: unknown): string | undefined {
  if (!isError(error)) return undefined
  const code: unknown = Reflect.get(error, 'code')
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && Reflect.has(error, 'severity') ? code : undefined
}

/** No such schema, table or function. */
export function isMissing(state: string | undefined): boolean {
  return state === '3F000' || state === '42P01' || state === '42883'
}

/**
 * The function was replaced between the call and its start, by a process that upgrades the schema: nothing has
 * happened.
 */
export function wasReplaced(error: unknown): boolean {
  return sqlState(error) === 'XX000' && isError(error) && error.message.startsWith('cache lookup failed for function')
}

/**
 * A statement prepared on the connection, or in a function there, is no longer valid: dropped or already existing, as
 * behind a pooler, or its column types changed. Nothing has happened, and it stays so for the life of the connection.
 * Our statements meet these states in no other way; their messages may be in any language.
 */
export const isUnprepared = (error: unknown): boolean => UNPREPARED.has(sqlState(error) ?? '')

const UNPREPARED: ReadonlySet<string> = new Set(['26000', '42P05', '0A000', '42804'])

/**
 * The connection is lost, the server is shutting down, or it has become a standby: the next connection may find a
 * better one.
 */
export function isGone(error: unknown): boolean {
  const state = sqlState(error)
  return state === undefined || state.startsWith('08') || /^57P0[1-5]$/.test(state) || state === '25006'
}
