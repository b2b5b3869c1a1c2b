// What each measurement works with, and what it hands back.
import type { Contender, ContenderOptions } from './contender.ts'
import type { Member, MemberOptions, StartMember } from './member.ts'
import type { RedisServer } from './redis-server.ts'

export interface Field {
  readonly redis: RedisServer
  readonly start: StartMember
  readonly extent: Extent
}

/** `quick`: to see that it works, not for figures; `brief`: figures from fewer tries and shorter loads. */
export type Extent = 'quick' | 'brief' | 'full'

/** How much of something, by the extent of the run. */
export const sized = ({ extent }: Pick<Field, 'extent'>, quick: number, brief: number, full: number): number =>
  ({ quick, brief, full })[extent]

/** One cell of the table: what is shown, and the figures behind it. */
export interface Cell {
  readonly row: string
  readonly text: string
  readonly figures?: Readonly<Record<string, unknown>>
}

/** Measures one contender; answers its cells. */
export type Measure = (field: Field, contender: Contender) => Promise<readonly Cell[]>

export const TTL_MS = 60_000
export const NOT_OFFERED = '–'

const USUAL: Omit<ContenderOptions, 'url'> = { ttlMs: TTL_MS, maxEntries: 5000, tags: false }

export interface GroupOptions extends Partial<ContenderOptions>, Pick<MemberOptions, 'answer' | 'exposeGc'> {
  /** Where each process connects; default the server itself. */
  readonly urlOf?: (process: number) => string
}

/** Empties the server, starts so many processes, and ends them after the work. */
export async function withMembers<R>(
  field: Field,
  contender: string,
  count: number,
  given: GroupOptions,
  work: (members: readonly Member[]) => Promise<R>,
): Promise<R> {
  const { urlOf = () => field.redis.url, answer, exposeGc, ...options } = given
  await field.redis.empty()
  const members: Member[] = []
  try {
    for (let process = 0; process < count; process++) {
      members.push(
        await field.start({
          name: `p${process}`,
          contender,
          options: { ...USUAL, ...options, url: urlOf(process) },
          ...(answer === undefined ? {} : { answer }),
          ...(exposeGc === undefined ? {} : { exposeGc }),
        }),
      )
    }
    return await work(members)
  } finally {
    await Promise.all(members.map((member) => member.close()))
  }
}

/** The members at 0, 1, ...; they are there. */
export function memberAt(members: readonly Member[], at: number): Member {
  const found = members[at]
  if (found === undefined) throw new Error(`there is no process ${at}`)
  return found
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export function median(values: readonly number[]): number {
  return atShare(values, 0.5)
}

/** The value below which so large a share lies. */
export function atShare(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
