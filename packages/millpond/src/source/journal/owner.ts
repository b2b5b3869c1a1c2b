// The owner of a journal's folder, and whether that process is still alive.
//
// A process id alone is not enough: ids are reused, and two containers on one volume have separate ones. Within one
// world (host, boot, PID namespace) the id with the start time decides, at once. After a reboot of the same host no
// process of the earlier boot is alive. In any other world only the heartbeat can be seen: its owner touches it every 5
// s, stops acknowledging if it could not for 30 s, and is given up after 60.

import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { isError } from '../../core/errors.ts'

export interface Owner {
  readonly pid: number
  /** When the process started, in its system's notation. */
  readonly started: string
  readonly host: string
  readonly boot: string
  readonly world: string
}

export const HEARTBEAT_MS = 5000
/**
 * An owner whose last heartbeat is older must check whether it still owns its folder before it acknowledges anything.
 */
export const DOUBT_MS = 30_000
const GIVEN_UP_MS = 60_000

const text = (read: () => string): string => {
  try {
    return read().trim()
  } catch {
    return '' // no /proc: not Linux
  }
}

/** Field 22 of the process's status line, counted after the name, which may contain blanks. */
const startOf = (pid: number | 'self'): string =>
  text(() => {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  })

export const thisOwner = (): Owner => ({
  pid: process.pid,
  started: startOf('self'),
  host: hostname(),
  boot: text(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
  world: text(() => readlinkSync('/proc/self/ns/pid')),
})

/** The contents of `owner.json`; undefined for anything else. */
export function parseOwner(bytes: Uint8Array | undefined): Owner | undefined {
  try {
    const owner: Partial<Record<keyof Owner, unknown>> = JSON.parse(Buffer.from(bytes ?? []).toString())
    const { pid, started, host, boot, world } = owner
    if (typeof pid !== 'number' || typeof started !== 'string' || typeof host !== 'string') return undefined
    return { pid, started, host, boot: String(boot), world: String(world) }
  } catch {
    return undefined
  }
}

/** @param ageMs since its last heartbeat */
export function isAlive(owner: Owner, ageMs: number, here = thisOwner()): boolean {
  if (owner.host !== here.host) return ageMs < GIVEN_UP_MS
  if (owner.boot !== here.boot) return false
  if (owner.world !== here.world) return ageMs < GIVEN_UP_MS
  return isRunning(owner.pid) && startOf(owner.pid) === owner.started
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return isError(error) && 'code' in error && error.code === 'EPERM'
  }
}
