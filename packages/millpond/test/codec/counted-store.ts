// A key store that counts how often it is asked.
import { type KeyStore, memoryKeyStore } from 'millpond/codec'

export function countedStore(kept: KeyStore = memoryKeyStore()): KeyStore & { asked: number } {
  const counted = {
    ...kept,
    asked: 0,
    get(name: string) {
      counted.asked++
      return kept.get(name)
    },
  }
  return counted
}
