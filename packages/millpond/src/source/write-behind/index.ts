// The door of write-behind: what `writeBehind` of a collection is given. A program that never queues writes carries neither queue nor journal.
import type { WriteBehindOptions, WriteBehindUse } from '../../engine/collection.ts'
import { offer } from '../behind.ts'
import { settingsOf } from './options.ts'
import { WriteBehind } from './write-behind.ts'

export type { WriteBehindOptions, WriteBehindUse } from '../../engine/collection.ts'

/**
 * How a collection queues its writes, for its option `writeBehind`: one for each collection, since a journal belongs to one.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * cache.collection('views', { storeMany, write: 'write-behind', writeBehind: writeBehind({ journal: '/var/lib/shop/views' }) })
 */
export function writeBehind(options: WriteBehindOptions): WriteBehindUse {
  const settings = settingsOf(options)
  return offer({ open: (name, plan, seam, records) => new WriteBehind(name, plan, seam, records, settings) })
}
