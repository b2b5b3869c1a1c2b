// The file tier against the published suite: with room enough, and in a folder so small that segments come and go.
import { describe, it } from 'vitest'
import { describeTier } from '../../src/testing/tier.ts'
import { type FileTierOptions, file } from '../../src/tiers/file/index.ts'
import { temporaryFolder } from './folder.ts'

const folder = temporaryFolder()
let path = ''

const suite = (name: string, options: Partial<FileTierOptions>): void =>
  describeTier(
    { describe, it },
    {
      name,
      open: async () => {
        path = folder()
        return file({ path, ...options })
      },
      again: async () => file({ path, ...options }),
    },
  )

suite('file', {})
suite('file (segments of 128 KiB)', { maxBytes: 4 * 1_048_576 })
