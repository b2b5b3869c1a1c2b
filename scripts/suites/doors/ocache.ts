// ocache as it is, with our storage where the tests make one.
import { createCache } from 'millpond'
import { ocacheStorage } from 'millpond/ocache'

export * from 'ocache'
export const createMemoryStorage = () => ocacheStorage(createCache())
