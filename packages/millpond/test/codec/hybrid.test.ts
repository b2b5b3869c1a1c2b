// Hybrid wrapping (Z2): where the runtime has ML-KEM, that is Node 24, in a process of its own; elsewhere it says what it needs.
import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { hybridKeyService, newHybridKeys } from 'millpond/codec'
import { describe, expect, test } from 'vitest'
import { compile } from '../histories/compile.mjs'

const has = (program: string): boolean =>
  existsSync(program) && execFileSync(program, ['-p', "'encapsulate' in require('node:crypto')"], { encoding: 'utf8' }).trim() === 'true'
const fetched = fileURLToPath(new URL('../../../../.cache/node24/node_modules/node/bin/node', import.meta.url))
const node = [process.execPath, process.env.MILLPOND_NODE24 ?? '', fetched].find((program) => program !== '' && has(program))

describe('hybrid keys', () => {
  test.skipIf(process.execPath === node)('need a runtime with ML-KEM, and say which has it', () => {
    const refused = expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringMatching(/from 24\.7 on; this is Node \d+/) })
    expect(() => newHybridKeys()).toThrow(refused)
    expect(() => hybridKeyService({ publicKey: 'p' })).toThrow(refused)
  })

  const title = 'wrap for one recipient alone; what is changed, cut or another’s is refused'
  const run = async (): Promise<void> => {
    const program = fileURLToPath(new URL('hybrid-child.mjs', import.meta.url))
    const { stdout } = await promisify(execFile)(node ?? '', [program, compile()])
    expect(JSON.parse(stdout)).toEqual({
      lengths: [32, 1169],
      differ: true,
      flips: 0,
      strangers: 'KEYRING_INVALID',
      publicOnly: 'KEYRING_INVALID',
      mixed: 'KEYRING_INVALID',
      cut: 'KEYRING_INVALID',
      noKeys: 'KEYRING_INVALID',
      swapped: 'KEYRING_INVALID',
      short: 'KEYRING_INVALID',
    })
  }
  if (node === undefined) test.skip(`${title} (no Node 24 here; to have it: npm install --prefix .cache/node24 node@24)`, run)
  else test(title, run)
})
