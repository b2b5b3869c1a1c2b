// A change of memory in words, as the server describes it in `change`.

import { isObject } from '../connection/files.ts'
import { numberAt, textAt } from '../connection/read.ts'
import { joined, type Part, type Safe, shownJson, text } from './text.ts'
import { bytes, counted } from './units.ts'

const POLICIES: Readonly<Record<string, string>> = {
  lru: 'LRU',
  sieve: 'SIEVE',
  's3-fifo': 'S3-FIFO',
  'w-tinylfu': 'W-TinyLFU',
}

/** `at most 200 entries, policy SIEVE`. What only a newer server knows is shown as it is. */
export function changeWords(change: unknown): Safe {
  if (!isObject(change) || Object.keys(change).length === 0) return text`nothing`
  return joined(
    Object.entries(change).map(([name, value]): Part => {
      if (name === 'max_entries') return `at most ${counted(numberAt(change, name), 'entry', 'entries')}`
      if (name === 'max_bytes') return `at most ${bytes(numberAt(change, name))}`
      if (name === 'policy') return text`policy ${POLICIES[textAt(change, name)] ?? textAt(change, name)}`
      return text`${name} ${shownJson(value)}`
    }),
    ', ',
  )
}
