// Sharp that is not there, and sharp that was installed for another machine.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ran } from '../../../millpond/test/services/index.ts'
import { whyNot } from '../../src/images/sharp.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millpond-sharp-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What Node says of a program that imports it where such a package lies, or none. */
async function failure(name: string, sharp?: string): Promise<Error> {
  const place = join(folder, name)
  mkdirSync(join(place, 'node_modules/sharp'), { recursive: true })
  if (sharp === undefined) rmSync(join(place, 'node_modules'), { recursive: true })
  else writeFileSync(join(place, 'node_modules/sharp/index.js'), sharp)
  const program = join(place, 'program.mjs')
  writeFileSync(program, "import('sharp').catch(({ message, code }) => console.log(JSON.stringify({ message, code })))")
  const { message, ...more } = JSON.parse((await ran(process.execPath, [program])).stdout)
  return Object.assign(new Error(message), more)
}

test('it is named with how to install it', async () => {
  const { code, message } = whyNot(await failure('none'))
  expect([code, message]).toEqual([
    'PACKAGE_MISSING',
    '[millpond] [images] the package sharp is not installed: run "npm install sharp"',
  ])
})

test.each([
  [
    'without its native part',
    'throw new Error(\'Could not load the "sharp" module using the linux-x64 runtime\\nPossible solutions:\\n- ...\')',
  ],
  ['without what it is made of', "require('detect-libc')"],
])('%s, how to install that, in one line', async (name, sharp) => {
  const { code, message } = whyNot(await failure(name, sharp))
  expect(code).toBe('PACKAGE_MISSING')
  expect(message).toMatch(
    /^\[millpond\] \[images\] sharp is installed, but cannot be loaded \(.*(sharp|detect-libc).*\): run "npm install --include=optional --os=\w+ --cpu=\w+ sharp" where the program runs$/,
  )
})
