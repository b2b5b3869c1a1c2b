// Errors of databases that mean that a statement was not executed; after any other error it may have been.
import { isError } from '../../core/errors.ts'

/**
 * PostgreSQL: wrong data, a violated constraint, a state or syntax that forbids it, an aborted transaction.
 * SQLite: likewise.
 */
const REFUSED =
  /^(?:(?:2[0-9A-F]|42|44|40(?!003))[0-9A-Z]{1,3}|SQLITE_(?:CONSTRAINT|ERROR|BUSY|LOCKED|READONLY|MISMATCH|RANGE|TOOBIG)\w*)$/
const SQLSTATE = /^[0-9A-Z]{5}$/

export function isRefused(error: unknown): boolean {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  if (typeof code === 'string') return REFUSED.test(code)
  // Prisma keeps PostgreSQL's code beside its own.
  const original: unknown =
    typeof error === 'object' && error !== null && 'originalCode' in error ? error.originalCode : undefined
  if (typeof original === 'string') return SQLSTATE.test(original) && REFUSED.test(original)
  // Errors of drivers within those of an ORM.
  return isError(error) && error.cause !== undefined && error.cause !== error && isRefused(error.cause)
}
