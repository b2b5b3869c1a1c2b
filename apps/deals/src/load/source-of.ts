// The source of an answer, from the answer itself: the last member of `Cache-Status` is the one nearest to the user.
import type { Answer } from './drive.ts'

/** A tier's name; `http`: answered before the routes; `computed`. */
export function sourceOf({ cacheStatus }: Pick<Answer, 'cacheStatus'>): string {
  // What the HTTP cache forwarded was answered behind it.
  const members = cacheStatus.split(', ').filter((member) => !member.startsWith('deals-http; fwd'))
  const last = members.at(-1) ?? ''
  if (last.startsWith('deals-http')) return 'http'
  return last.includes('; hit') ? (/detail=([\w-]+)/.exec(last)?.[1] ?? 'cache') : 'computed'
}
