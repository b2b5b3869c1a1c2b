// Examines a folder on a local disk: whether it can be written, what file system it is on, and how much space is free.
import { accessSync, constants, statfsSync } from 'node:fs'
import { codeIn, type Finding, findings } from './examination.ts'

/** As Linux numbers them (statfs(2)): NFS, CIFS, SMB 2, 9P, Ceph, AFS. */
const NETWORK = new Set([0x6969, 0xff53_4d42, 0xfe53_4d42, 0x0102_1997, 0x00c3_6400, 0x5346_414f])
const LEAST_FREE_BYTES = 64 * 1_048_576

/** @param maxBytes the tier's limit; @throws if the folder cannot be used. */
export function folderFinding(folder: string, heldBytes: number, maxBytes: number): Finding {
  accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  const { type, bsize, bavail } = statfsSync(folder)
  const free = bsize * bavail
  const wanted = Math.max(0, maxBytes - heldBytes)
  return findings(
    [`${(free / 1_048_576).toFixed(0)} MiB free`],
    [
      NETWORK.has(type) &&
        'choose a folder on a local disk: a network file system does not support locks and appends by several processes reliably',
      free < (Number.isFinite(wanted) ? wanted : LEAST_FREE_BYTES) &&
        'make room on the disk, or lower maxBytes: the tier may grow beyond the free space',
    ],
  )
}

export const noFolder = (error: unknown): string =>
  codeIn(error) === 'ENOENT'
    ? 'the folder is gone: create it again, or restart with another path'
    : 'let the user of this process read and write there'
