// Keyv, with our store where none is given.
import { createRequire } from 'node:module'
import type { KeyvOptions, KeyvStoreAdapter } from 'keyv'
import { createCache } from 'millpond'
import { keyvStore } from 'millpond/keyv'

// By another way than the tests' `import`, which leads here.
const own: typeof import('keyv') = createRequire(import.meta.url)('keyv')

export class Keyv extends own.Keyv {
  constructor(given: KeyvStoreAdapter | KeyvOptions = {}, options: Omit<KeyvOptions, 'store'> = {}) {
    if ('get' in given) super(given, options)
    else super({ store: keyvStore(createCache()), ...given, ...options })
  }
}
/** @alias */
export default Keyv
