// Where a tier's entries are stored, the same for two tiers of one store: so that a ring does not mistake one store for
// two. It contains neither user nor password.
//
// It is derived from the options, without connecting: one server under two names counts as two places.
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Tier } from '../core/contracts.ts'

/** @param within the part of the server: its database, schema, key prefix */
export function serverPlace(
  kind: string,
  { host, port }: { readonly host: string; readonly port: number | string },
  within: string,
): string {
  const name = host.toLowerCase()
  return `${kind} ${name === 'localhost' ? '127.0.0.1' : name}:${port} ${within}`
}

/** The place of an existing file or folder, with links resolved. */
export function pathPlace(kind: string, path: string): string {
  try {
    return `${kind} ${realpathSync.native(path)}`
  } catch {
    return `${kind} ${resolve(path)}`
  }
}

const numbers = new WeakMap<object, number>()
let last = 0

/** The place of a client or pool passed in by the program: known only to be the same object. */
export function objectPlace(kind: string, object: object, within: string): string {
  const number = numbers.get(object) ?? ++last
  numbers.set(object, number)
  return `${kind} ${number} ${within}`
}

/** A place that both tiers share. */
export function placeOfBoth({ places = [] }: Tier, other: Tier): string | undefined {
  return places.find((place) => other.places?.includes(place))
}
