// The outlets of a cache: validated, with their options resolved.
import { checkOptions, flag, fn, listOf, refused, required, type Shape, text } from './core/checks.ts'
import { type Duration, parseDuration } from './core/duration.ts'
import { MillpondError, show } from './core/errors.ts'
import { checkName } from './core/key.ts'
import type { Outlet } from './core/outlet.ts'
import type { ResolvedOutlet } from './engine/outlets.ts'

const OUTLET: Shape<Outlet> = {
  name: required((value, at) => checkName(value, at)),
  deliver: required(fn('a function that delivers a batch')),
  timeout: above0,
  namespaces: listOf(text, 'names of namespaces'),
  peers: flag,
}
const OUTLETS = listOf<Outlet>((value, at) => {
  checkOptions<Outlet>(value, OUTLET, at)
  return value
}, 'a list of outlets')

function above0(value: unknown, at: string): Duration {
  if (parseDuration(value, at) > 0) return value as Duration
  throw refused(value, at, "a time above 0, such as '5s'")
}

/** @throws MillpondError `OPTION_INVALID` or `DURATION_INVALID`. */
export function resolveOutlets(given: readonly Outlet[] = []): ResolvedOutlet[] {
  const names = new Set<string>()
  return OUTLETS(given, 'outlets').map((outlet): ResolvedOutlet => {
    const { name, timeout = '5s', peers = false, namespaces } = outlet
    if (names.has(name))
      throw new MillpondError('OPTION_INVALID', `outlets: ${show(name)} is given twice: give each outlet its own name`)
    names.add(name)
    return {
      name,
      timeoutMs: parseDuration(timeout, 'timeout'),
      peers,
      namespaces,
      deliver: (batch) => outlet.deliver(batch),
    }
  })
}
