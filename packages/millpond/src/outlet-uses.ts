// The outlets that a cache is given: checked, with their options resolved.
import { parseDuration } from './core/duration.ts'
import { MillpondError, show } from './core/errors.ts'
import { checkName } from './core/key.ts'
import { checkNames } from './core/options.ts'
import type { Outlet } from './core/outlet.ts'
import type { OutletUse } from './engine/outlets.ts'

const NAMES = new Set(['name', 'deliver', 'timeout', 'peers'])

/** @throws MillpondError `OPTION_INVALID` or `DURATION_INVALID`. */
export function outletUses(given: readonly Outlet[] = []): OutletUse[] {
  if (!Array.isArray(given)) throw new MillpondError('OPTION_INVALID', `outlets: ${show(given)} is not a list: give an array of outlets`)
  const names = new Set<string>()
  return given.map((outlet: Outlet, at): OutletUse => {
    checkNames(outlet, NAMES, `option of outlets[${at}]`)
    const name = checkName(outlet.name, `outlets[${at}].name`)
    if (names.has(name)) throw new MillpondError('OPTION_INVALID', `outlets: ${show(name)} is there twice: give each outlet its own name`)
    names.add(name)
    const timeoutMs = parseDuration(outlet.timeout ?? '5s', `outlets[${at}].timeout`)
    const { peers = false } = outlet
    if (typeof outlet.deliver !== 'function' || typeof peers !== 'boolean' || timeoutMs <= 0)
      throw new MillpondError(
        'OPTION_INVALID',
        `outlets[${at}]: ${show(outlet)} is not an outlet: give { name, deliver: async (batch) => … }, a timeout above 0, and peers as true or false`,
      )
    return { name, timeoutMs, peers, deliver: (batch) => outlet.deliver(batch) }
  })
}
