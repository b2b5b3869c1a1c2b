// A credential is revealed only on explicit request.
import { inspect } from 'node:util'
import { awsCredentials, CdnError, Secret } from '@millpond/cdn'
import { describe, expect, it } from 'vitest'
import { type PurgeTargetLike, targetsOf } from '../src/target.ts'

describe('credentials', () => {
  const env = {
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI+hidden\n',
    AWS_SESSION_TOKEN: 'tokenhidden',
  }

  it('are read, without the line break that a file ends with', () => {
    const found = awsCredentials(env)
    expect(found?.accessKeyId).toBe('AKIDEXAMPLE')
    expect(found?.secretAccessKey.reveal()).toBe('wJalrXUtnFEMI+hidden')
    expect(found?.sessionToken?.reveal()).toBe('tokenhidden')
  })

  it('are not shown', () => {
    const found = awsCredentials(env)
    const shown = [
      JSON.stringify(found),
      inspect(found, { depth: 9, showHidden: true }),
      `${found?.secretAccessKey}`,
      String(new Secret('hidden')),
    ]
    for (const text of shown) expect(text).not.toContain('hidden')
  })

  it('given only by half are an error that names what is missing; without any there are none', () => {
    expect(() => awsCredentials({ AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: '' })).toThrow(CdnError)
    expect(() => awsCredentials({ AWS_SECRET_ACCESS_KEY: 'hidden' })).toThrow(/AWS_ACCESS_KEY_ID is not: set both/)
    expect(awsCredentials({ AWS_SESSION_TOKEN: 'tokenhidden' })).toBeUndefined()
  })

  it.each([
    'ftp://me:hunter2@www.example.com/a',
    'https://me:hun/ter2@www.example.com',
    'https://me:hunter2@www.example.com/a',
    'https://www.example.com/fetch/redis://me:hunter2@h/*',
    { kind: 'prefix', prefix: 'me:hunter2@www.example.com/a?b' },
    { kind: 'prefix', prefix: 'me:hun:ter2@:x/' },
    { kind: 'host', host: 'me:hunter2@www.example.com' },
    { kind: 'host', host: 'https://me:hunter2@www.example.com' },
    { kind: 'tags', password: 'hunter2' },
  ])('are not shown in the message about a target that contains them: %j', (target) => {
    let message = ''
    try {
      targetsOf([target as PurgeTargetLike])
    } catch (error) {
      message = String(error)
    }
    expect(message).toMatch(/CdnError/)
    expect(message).not.toMatch(/hunter2|ter2/)
  })
})
