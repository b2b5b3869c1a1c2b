// Unique ids, generated on first access: some runtimes (workerd) provide no random numbers while a program is being
// loaded.
import { randomBytes } from 'node:crypto'

/** Returns the same 72 random bits each time. */
export function lazyId(): () => string {
  let id: string | undefined
  return () => {
    id ??= randomBytes(9).toString('base64url')
    return id
  }
}
