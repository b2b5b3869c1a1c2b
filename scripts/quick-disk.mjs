// Where tests lay their files: in memory, where the machine has a place for that and room to spare. What a disk of its
// own takes to sync is not waited for then, and no deadline of 250 ms is missed for it.
// @ts-check
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const MEMORY = '/dev/shm'
const PREFIX = 'millpond-run-'
/** Bytes in that place, and of memory; a run has some 300 MB there at most, servers of its own included. */
const LEAST = { room: 2 * 2 ** 30, spare: 6 * 2 ** 30 }

/**
 * The folder of this run, which is `TMPDIR` from now on, or undefined: there is no such place, it is small (as in many
 * containers), nothing can be run from it, or somebody has chosen another.
 * @param {NodeJS.ProcessEnv} env
 */
export function layInMemory(there = MEMORY, env = process.env, least = LEAST) {
  if (env.TMPDIR !== undefined) return undefined
  try {
    const { bavail, bsize } = statfsSync(there)
    // Files there count against what a container may have.
    if (bavail * bsize < least.room || process.availableMemory() < least.spare) return undefined
    clearOld(there)
    const folder = mkdtempSync(join(there, `${PREFIX}${process.pid}-`))
    // As any such place: some servers run as nobody.
    chmodSync(folder, 0o1777)
    // Servers have programs of their own in it.
    const program = join(folder, 'program')
    writeFileSync(program, '#!/bin/sh\nexit 0\n', { mode: 0o755 })
    execFileSync(program)
    rmSync(program)
    env.TMPDIR = folder
    return folder
  } catch {
    return undefined
  }
}

/** Of runs that were killed. @param {string} there */
function clearOld(there) {
  for (const name of readdirSync(there)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(there, name), { recursive: true, force: true })
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}
