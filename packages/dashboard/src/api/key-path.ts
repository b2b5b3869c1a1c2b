// How a key is asked for. It goes in the query: no path holds "." and "..", and proxies decode what stands in one.
import type { Query } from './client.ts'

/** Path and query of a route below `keys/{key}/`. */
export const ofKey = (
  key: string,
  about: Query,
  part: '' | 'copies/' | 'history/' | 'value/' = '',
): readonly [path: string, query: Query] => [`keys/-/${part}`, { ...about, key }]
