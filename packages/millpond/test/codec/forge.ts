// Bodies with a right checksum and any content: what somebody who can write to the shared tier may put there.
import { crc32 } from 'node:zlib'

export interface Forged {
  readonly kind?: number
  readonly version?: number
  readonly meta?: string
  readonly value?: string | Uint8Array
  readonly times?: readonly [number, number, number]
}

export function forge({ kind = 0, version = 1, meta = '["k"]', value = '1', times = [1, 2, 3] }: Forged): Buffer {
  const metaBytes = Buffer.from(meta)
  const valueBytes = Buffer.from(value)
  const head = Buffer.alloc(36)
  head.write('MP')
  head[2] = version
  head[3] = kind
  times.forEach((time, i) => head.writeDoubleLE(time, 4 + 8 * i))
  head.writeUInt32LE(metaBytes.length, 28)
  head.writeUInt32LE(valueBytes.length, 32)
  return seal(Buffer.concat([head, metaBytes, valueBytes]))
}

function seal(body: Buffer): Buffer {
  const sum = Buffer.alloc(4)
  sum.writeUInt32LE(crc32(body))
  return Buffer.concat([body, sum])
}
