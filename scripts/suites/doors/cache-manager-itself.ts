// cache-manager as it is; the Keyv that it makes for itself has our store, too.
import { createRequire } from 'node:module'
import { Keyv } from 'keyv'

// By another way than the tests' `import`, which may lead here.
const own: typeof import('cache-manager') = createRequire(import.meta.url)('cache-manager')

export const { KeyvAdapter } = own
export const createCache: typeof own.createCache = (options) =>
  own.createCache({ ...options, stores: options?.stores ?? [new Keyv()] })
