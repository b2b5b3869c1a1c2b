// A file of frames: a line of magic, then length, CRC-32 and bytes of each frame.
import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { Turns } from './turns.ts'

export const MAGIC = Buffer.from('millpond snapshot 2\n')
/** The bytes of a frame's header. */
const HEAD = 8
const CHUNK = 256 * 1024

/** The file is damaged; the message refers to it as "it". */
export class Damage extends Error {}

export function frame(body: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(HEAD + body.length)
  framed.writeUInt32LE(body.length, 0)
  framed.writeUInt32LE(crc32(body), 4)
  framed.set(body, HEAD)
  return framed
}

/**
 * The contents of the frames, in order. Reads ahead by one chunk, holds no more, and yields to the event loop. Throws
 * `Damage`, and the file system's errors.
 */
export async function* framesOf(handle: FileHandle): AsyncGenerator<Buffer> {
  const bytes = new FileBytes(handle, (await handle.stat()).size)
  const magic = await bytes.take(MAGIC.length)
  if (magic === undefined || !magic.equals(MAGIC)) throw new Damage('it is not a snapshot, or has another version')
  const turns = new Turns()
  while (bytes.left > 0) {
    const { at } = bytes
    const head = await bytes.take(HEAD)
    const body = head === undefined ? undefined : await bytes.take(head.readUInt32LE(0))
    if (head === undefined || body === undefined) throw new Damage(`it is cut at byte ${at}`)
    if (crc32(body) !== head.readUInt32LE(4)) throw new Damage(`it is damaged near byte ${at}`)
    yield body
    await turns.rest()
  }
}

/** Reads a file's bytes sequentially. */
class FileBytes {
  at = 0
  left: number
  readonly #handle: FileHandle
  #ahead = Buffer.alloc(0)

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.left = size
  }

  /** The next bytes; undefined if there are fewer: nothing is allocated for an impossible length in a damaged file. */
  async take(length: number): Promise<Buffer | undefined> {
    if (length > this.left) return undefined
    while (this.#ahead.length < length) await this.#read(Math.max(length, CHUNK))
    const taken = this.#ahead.subarray(0, length)
    this.#ahead = this.#ahead.subarray(length)
    this.at += length
    this.left -= length
    return taken
  }

  async #read(room: number): Promise<void> {
    const bytes = Buffer.allocUnsafe(room)
    const held = this.#ahead.copy(bytes)
    const { bytesRead } = await this.#handle.read(bytes, held, room - held, this.at + held)
    if (bytesRead === 0) throw new Damage(`it is cut at byte ${this.at + held}`)
    this.#ahead = bytes.subarray(0, held + bytesRead)
  }
}
