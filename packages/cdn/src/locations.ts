// The locations of an edge, and their state.

export interface EdgeLocation {
  /** The vendor's code, usually of an airport: `AMS`. */
  readonly code: string
  /** For display: a city, or the code again. */
  readonly name: string
  /** The vendor's region; undefined if it reports none. */
  readonly region: string | undefined
  /** As the vendor reports it, otherwise as a probe found it; `unknown` without either. */
  readonly state: 'ok' | 'degraded' | 'down' | 'unknown'
  /** Milliseconds since a probe reached it, and its result; absent if none has. */
  readonly met?: { readonly at: number; readonly ms: number; readonly ok: boolean }
}

/** Header fields in which vendors name the responding location. */
const MARKS: readonly (readonly [field: string, code: RegExp])[] = [
  ['cf-ray', /-([A-Z]{3})$/],
  ['x-amz-cf-pop', /^([A-Z]{3})/],
  // The last of several is the one nearest to the client.
  ['x-served-by', /-([A-Z]{3})[^,]*$/],
]

/** The location that answered, if the vendor names it. */
export function locationOf(headers: Headers): string | undefined {
  for (const [field, code] of MARKS) {
    const found = code.exec(headers.get(field) ?? '')?.[1]
    if (found !== undefined) return found
  }
  return undefined
}

/** What the vendor lists (undefined: nothing), with what probes have met, by code. */
export function withProbes(
  listed: readonly EdgeLocation[] | undefined,
  met: ReadonlyMap<string, NonNullable<EdgeLocation['met']>>,
): readonly EdgeLocation[] {
  if (listed === undefined)
    return [...met].map(([code, one]) => ({ code, name: code, region: undefined, state: stateOf(one.ok), met: one }))
  return listed.map((one): EdgeLocation => {
    const seen = met.get(one.code)
    if (seen === undefined) return one
    return { ...one, state: one.state !== 'unknown' ? one.state : stateOf(seen.ok), met: seen }
  })
}

const stateOf = (isOk: boolean): EdgeLocation['state'] => (isOk ? 'ok' : 'degraded')
