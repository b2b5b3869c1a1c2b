// Which server holds a key: weighted ketama as libmemcached computes it, so that other clients look in the same places.
//
// On average a server has 160 points on the ring, in proportion to its weight, four from each MD5 of `host:port-n`
// (`host-n` on port 11211). A key belongs to the first point that is not below the first 32 bits of its own MD5.
// Computed in single precision, as in libmemcached.
import { hash } from 'node:crypto'
import type { MemcachedHost } from './options.ts'

const DEFAULT_PORT = 11_211
const POINTS = 160
const POINTS_PER_DIGEST = 4

/** Returns the index of the key's server in the list. */
export type Ring = (name: string) => number

export function ketama(hosts: readonly Required<MemcachedHost>[]): Ring {
  if (hosts.length === 1) return () => 0
  const total = hosts.reduce((sum, { weight }) => sum + weight, 0)
  const points = hosts.flatMap((host, at) => pointsOf(host, total, hosts.length).map((value) => ({ value, at })))
  points.sort((a, b) => a.value - b.value)
  const values = Uint32Array.from(points, ({ value }) => value)
  const owners = Uint32Array.from(points, ({ at }) => at)
  return (name) => {
    const wanted = hash('md5', name, 'buffer').readUInt32LE(0)
    const at = firstNotBelow(values, wanted)
    return owners[at === values.length ? 0 : at] ?? 0
  }
}

function pointsOf({ host, port, weight }: Required<MemcachedHost>, total: number, hosts: number): number[] {
  const share = Math.fround(Math.fround(weight) / Math.fround(total))
  const digests = Math.floor(Math.fround(Math.fround(Math.fround(share * POINTS) / POINTS_PER_DIGEST) * hosts) + 1e-10)
  const name = port === DEFAULT_PORT ? host : `${host}:${port}`
  return Array.from({ length: digests }, (_, n) => hash('md5', `${name}-${n}`, 'buffer')).flatMap((digest) =>
    Array.from({ length: POINTS_PER_DIGEST }, (_, part) => digest.readUInt32LE(part * 4)),
  )
}

function firstNotBelow(values: Uint32Array, wanted: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((values[middle] ?? 0) < wanted) low = middle + 1
    else high = middle
  }
  return low
}
