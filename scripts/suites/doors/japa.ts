// The test runner of AdonisJS, as far as these tests use it, over Vitest.
// @ts-expect-error: installed for the run.
import { Assert } from '@japa/assert'
import { describe, it } from 'vitest'

interface Context {
  readonly assert: Assert
  cleanup(work: () => unknown): void
}
type Work<T> = (context: Context, one: T) => unknown

async function play<T>(work: Work<T>, one: T): Promise<void> {
  const assert = new Assert()
  const after: (() => unknown)[] = []
  try {
    await work({ assert, cleanup: (done) => after.push(done) }, one)
    assert.assertions.validate()
  } finally {
    for (const done of after.reverse()) await done()
  }
}

export function test(name: string, work?: Work<undefined>) {
  if (work !== undefined) it(name, () => play(work, undefined))
  const chain = {
    disableTimeout: () => chain,
    timeout: () => chain,
    with: <T>(given: readonly T[]) => {
      const rest = {
        disableTimeout: () => rest,
        run: (each: Work<T>) => given.forEach((one, at) => it(`${name} (${at})`, () => play(each, one))),
      }
      return rest
    },
  }
  return chain
}
test.group = (name: string, define: (group: object) => void): void => {
  describe(name, () => define({}))
}
export const getActiveTest = (): undefined => undefined
