// Suites that need a real server.
import { describe, test } from 'vitest'
import { isHere, isOptional, remedy, type ServerName } from './program.ts'

/**
 * A suite that needs the named server. Where the server is missing the suite is skipped and its title says why;
 * with `CI` set a missing server is a failure, unless there is no way to have it.
 */
export function describeWith(server: ServerName, title: string, body: () => void): void {
  if (isHere(server)) describe(title, body)
  else if (process.env.CI && !isOptional(server))
    describe(title, () => {
      test(`has its ${server}`, () => {
        throw new Error(remedy(server))
      })
    })
  else describe.skip(`${title} (${remedy(server)})`, body)
}
