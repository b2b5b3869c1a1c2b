// Whose a journal's folder is, and whether that process still lives.
//
// A process number alone says little: numbers are used again, and two containers on one volume have worlds of their
// own. Within one world (host, boot, namespace of processes) the number with the start time decides, at once. After a
// reboot of the same host nobody of the earlier boot lives. Of any other world only the heartbeat can be seen: its
// owner touches it every 5 s, stops acknowledging when it could not for 30 s, and is given up after 60.

import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { isError } from '../../core/errors.ts'

export interface Owner {
  readonly pid: number
  /** When the process started, in the words of its system. */
  readonly started: string
  readonly host: string
  readonly boot: string
  readonly world: string
}

export const HEARTBEAT_MS = 5000
/**
 * An owner whose last heartbeat is older must look whether it still owns its folder before it acknowledges anything.
 */
export const DOUBT_MS = 30_000
const GIVEN_UP_MS = 60_000

const text = (read: () => string): string => {
  try {
    return read().trim()
  } catch {
    return '' // no /proc: another system than Linux
  }
}

/** Field 22 of the process's status line, counted behind the name, which may hold blanks. */
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

/** What `owner.json` says; undefined for anything else. */
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
