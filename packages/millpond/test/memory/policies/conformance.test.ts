// Every policy keeps the contract of `Eviction`.
import { describe, expect, it } from 'vitest'
import { MillpondError } from '../../../src/core/errors.ts'
import { policyByName } from '../../../src/memory/policies/index.ts'
import { describeEviction } from '../../../src/testing/eviction.ts'

const names = ['adaptive', 'lru', 'sieve', 's3-fifo', 'w-tinylfu']

for (const name of names) describeEviction({ describe, it }, { name, factory: policyByName(name) })

describe('policyByName', () => {
  it('T3: knows each policy by the name that it bears', () => {
    for (const name of names) expect(policyByName(name)({ capacity: 10, unit: 'entries' }).name).toBe(name)
  })

  it('shows a name that it does not know, and those that it does', () => {
    expect(() => policyByName('mru')).toThrowError(MillpondError)
    expect(() => policyByName('mru')).toThrowError(/"mru".*adaptive, lru, sieve, s3-fifo, w-tinylfu/)
    expect(() => policyByName('__proto__')).toThrowError(MillpondError)
  })
})
