// Ids that nobody else makes, made when they are first asked for: some runtimes (workerd) give no random numbers while
// a program is being loaded.
import { randomBytes } from 'node:crypto'

/** Answers the same 72 random bits each time. */
export function lazyId(): () => string {
  let id: string | undefined
  return () => {
    id ??= randomBytes(9).toString('base64url')
    return id
  }
}
