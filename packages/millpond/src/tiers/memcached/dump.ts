// Lists every item of a server by its own crawler (`lru_crawler metadump`), which runs beside the traffic without
// blocking it.
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionSettings } from './connection.ts'

export interface Listed {
  readonly name: string
  /** Identifies this value: a later one has another. */
  readonly cas: string
}

const LINE = /^key=(\S+) .*\bcas=(\d+)/
const LONGEST_LINE = 2048
/** A server runs one listing at a time; its crawler also runs by itself. */
const BUSY_MS = 100

/**
 * Yields items as they arrive. Throws if the server refuses, falls silent, or sends something that is not a listing.
 */
export async function* dump(
  socket: Socket,
  { login, commandMs, connectMs }: ConnectionSettings,
): AsyncGenerator<readonly Listed[]> {
  const quietMs = Math.max(commandMs, connectMs)
  socket.setTimeout(quietMs, () => socket.destroy(new Error(`no answer within ${quietMs} ms`)))
  try {
    if (login !== undefined) socket.write(`set auth 0 0 ${Buffer.byteLength(login)}\r\n${login}\r\n`)
    socket.write('lru_crawler metadump hash\r\n')
    let rest = ''
    for await (const bytes of socket) {
      const lines = (rest + bytes.toString('latin1')).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > LONGEST_LINE) throw new Error('the listing has an unterminated line')
      const listed: Listed[] = []
      let isOver = false
      for (const text of lines) {
        const line = text.trimEnd()
        const item = LINE.exec(line)
        if (item !== null) listed.push({ name: decodeName(item[1] ?? ''), cas: item[2] ?? '' })
        else if (line === 'END') isOver = true
        else if (line.startsWith('BUSY')) {
          await sleep(BUSY_MS)
          socket.write('lru_crawler metadump hash\r\n')
        } else if (line !== 'STORED')
          throw new Error(`it does not list its items: ${JSON.stringify(line.slice(0, 80))}`)
      }
      if (listed.length > 0) yield listed
      if (isOver) return
    }
    throw new Error('the connection was closed in the middle of a listing')
  } finally {
    socket.destroy()
  }
}

/** A name that cannot be decoded is not ours. */
function decodeName(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
