// Where an edge has its machines, and how they are.

export interface EdgeLocation {
  /** The vendor's code, mostly that of an airport: `AMS`. */
  readonly code: string
  readonly name: string
  readonly region: string | undefined
  readonly state: 'ok' | 'degraded' | 'down' | 'unknown'
  /** Milliseconds since a probe has met it, and what that probe found; absent where none has. */
  readonly met?: { readonly at: number; readonly ms: number; readonly ok: boolean }
}

/** Header fields by which vendors tell who answered. */
const MARKS: readonly (readonly [field: string, code: RegExp])[] = [
  ['cf-ray', /-([A-Z]{3})$/],
  ['x-amz-cf-pop', /^([A-Z]{3})/],
  // The last of several is the one nearest to the caller.
  ['x-served-by', /-([A-Z]{3})[^,]*$/],
]

/** The location that answered, where the vendor tells. */
export function locationOf(headers: Headers): string | undefined {
  for (const [field, code] of MARKS) {
    const found = code.exec(headers.get(field) ?? '')?.[1]
    if (found !== undefined) return found
  }
  return undefined
}
