// Where a tier's entries lie, as two tiers of one store tell it alike: so that a ring does not take one store for two.
// No password and no user is in it.
//
// It is told by what the options say, without asking anybody: one server under two names is two places.
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Tier } from '../core/contracts.ts'

/** @param within the part of the server: its database, schema, what keys begin with */
export function serverPlace(
  kind: string,
  { host, port }: { readonly host: string; readonly port: number | string },
  within: string,
): string {
  const name = host.toLowerCase()
  return `${kind} ${name === 'localhost' ? '127.0.0.1' : name}:${port} ${within}`
}

/** Of a file or a folder that is there, whatever links lead to it. */
export function pathPlace(kind: string, path: string): string {
  try {
    return `${kind} ${realpathSync.native(path)}`
  } catch {
    return `${kind} ${resolve(path)}`
  }
}

const numbers = new WeakMap<object, number>()
let last = 0

/** Of a client or a pool that the program has made: nothing is known of where it leads, but that it is the same. */
export function objectPlace(kind: string, object: object, within: string): string {
  const number = numbers.get(object) ?? ++last
  numbers.set(object, number)
  return `${kind} ${number} ${within}`
}

/** A place that both have. */
export function placeOfBoth({ places = [] }: Tier, other: Tier): string | undefined {
  return places.find((place) => other.places?.includes(place))
}
