// Where tests put their files: in memory, if the machine has a file system for that with enough space. So tests do not
// wait for a disk to sync, and miss no deadline of 250 ms because of it.
// @ts-check
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const MEMORY = '/dev/shm'
const PREFIX = 'millpond-run-'
/** The required bytes there, and of free memory; a run uses some 300 MB there at most, including its servers. */
const LEAST = { room: 2 * 2 ** 30, spare: 6 * 2 ** 30 }

/**
 * The folder of this run, which is `TMPDIR` from now on; or undefined if there is no such file system, it is small (as
 * in many containers), programs cannot run from it, or `TMPDIR` is set already.
 * @param {NodeJS.ProcessEnv} env
 */
export function layInMemory(there = MEMORY, env = process.env, least = LEAST) {
  if (env.TMPDIR !== undefined) return undefined
  try {
    const { bavail, bsize } = statfsSync(there)
    // Files there count towards a container's memory limit.
    if (bavail * bsize < least.room || process.availableMemory() < least.spare) return undefined
    clearOld(there)
    const folder = mkdtempSync(join(there, `${PREFIX}${process.pid}-`))
    // Writable for everyone, like any temporary folder: some servers run as the user nobody.
    chmodSync(folder, 0o1777)
    // Some servers run programs from it.
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

/** Removes the folders of runs that were killed. @param {string} there */
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
