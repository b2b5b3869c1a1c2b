// What may be proposed by one who does not do it: every act, but for these.
import type { Route } from './route.ts'

/** A path that begins with one of these. */
const WITHHELD = [
  'erasures/', // whose data is erased, and that it is: a person's act from beginning to end
  'session/', // credentials
  'tokens/',
  'users/',
  'webhooks/', // hold secrets of receivers
  'batch/', // changes nothing
  'invalidations/plan/',
  'optimizations/analyze/',
  'proposals/', // an approval cannot be proposed
]

export const isProposable = ({ method, base, answersSecret, path }: Route): boolean =>
  method !== 'GET' && base === undefined && answersSecret !== true && !WITHHELD.some((one) => path.startsWith(one))
