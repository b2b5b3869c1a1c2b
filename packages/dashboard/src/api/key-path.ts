// How a key is requested. It goes into the query: a path cannot hold "." and "..", and proxies decode paths.
import type { Query } from './client.ts'

/** Path and query of a route below `keys/{key}/`. */
export const ofKey = (
  key: string,
  about: Query,
  part: '' | 'copies/' | 'history/' | 'value/' = '',
): readonly [path: string, query: Query] => [`keys/-/${part}`, { ...about, key }]
