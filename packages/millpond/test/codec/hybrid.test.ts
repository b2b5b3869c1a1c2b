// Hybrid wrapping (Z2): where the runtime has ML-KEM, that is Node 24, in a process of its own; elsewhere it says what
// it needs.
import { execFile } from 'node:child_process'
import * as crypto from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { hybridKeyService, newHybridKeys } from 'millpond/codec'
import { describe, expect, test } from 'vitest'
import { describeWith, newerNode } from '../services/index.ts'

describe('hybrid keys', () => {
  test.skipIf('encapsulate' in crypto)('need a runtime with ML-KEM, and say which has it', () => {
    const refused = expect.objectContaining({
      code: 'OPTION_INVALID',
      message: expect.stringMatching(/since Node 24\.7; this is Node \d+/),
    })
    expect(() => newHybridKeys()).toThrow(refused)
    expect(() => hybridKeyService({ publicKey: 'p' })).toThrow(refused)
  })
})

describeWith('node24', 'hybrid keys, in a Node that has ML-KEM', () => {
  test('wrap for one recipient alone; what is changed, cut or another’s is refused', async () => {
    const { path, env } = newerNode()
    const child = fileURLToPath(new URL('hybrid-child.mjs', import.meta.url))
    const { stdout } = await promisify(execFile)(path, [child], { env })
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
  })
})
