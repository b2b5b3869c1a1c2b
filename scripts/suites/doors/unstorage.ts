// unstorage's suite for drivers.
import { createCache } from 'millpond'
import { unstorageDriver } from 'millpond/unstorage'
// @ts-expect-error: theirs, by an alias.
import { testDriver } from 'unstorage-suite'
import { describe } from 'vitest'

describe('drivers: millpond', () => {
  testDriver({ driver: unstorageDriver(createCache()) })
})
