// Counts the commands that a client sends to a Redis server, from the bytes as they pass.

const STAR = 42
const DOLLAR = 36
const CR = 13
const LF = 10
const MAX_LINE = 65_536
const MAX_NAME = 32

export interface CommandCounter {
  /** Commands by upper-case name. Empty when the stream is not the Redis protocol (TLS, another server). */
  readonly commands: ReadonlyMap<string, number>
  feed(bytes: Uint8Array): void
}

/** `onCommand` is called with each command's name as soon as the name has passed. */
export function countCommands(onCommand?: (name: string) => void): CommandCounter {
  const commands = new Map<string, number>()
  let line = ''
  let argumentsLeft = 0
  let isName = false
  let skip = 0
  let name = ''
  let unreadable = false

  function count(command: string): void {
    const upper = command.toUpperCase()
    commands.set(upper, (commands.get(upper) ?? 0) + 1)
    onCommand?.(upper)
  }

  function lineDone(): void {
    const text = line
    line = ''
    if (argumentsLeft > 0) {
      const length = text.charCodeAt(0) === DOLLAR ? Number(text.slice(1)) : Number.NaN
      if (!Number.isInteger(length) || length < 0) {
        unreadable = true
        return
      }
      skip = length + 2
      return
    }
    if (text === '') return
    if (text.charCodeAt(0) === STAR) {
      const length = Number(text.slice(1))
      if (!Number.isInteger(length)) unreadable = true
      else if (length > 0) {
        argumentsLeft = length
        isName = true
        name = ''
      }
      return
    }
    const word = /^[a-z]+(?= |$)/i.exec(text)?.[0]
    if (word === undefined) unreadable = true
    else count(word)
  }

  /** Consumes bytes of the current argument; returns where the next line begins. */
  function argument(bytes: Uint8Array, from: number): number {
    const end = Math.min(bytes.length, from + skip)
    if (isName) {
      for (let at = from; at < end && name.length < MAX_NAME; at++) {
        const byte = bytes[at] ?? 0
        if (byte !== CR && byte !== LF) name += String.fromCharCode(byte)
      }
    }
    skip -= end - from
    if (skip === 0) {
      argumentsLeft -= 1
      if (isName) count(name)
      isName = false
    }
    return end
  }

  return {
    commands,
    feed(bytes) {
      for (let at = 0; at < bytes.length && !unreadable; ) {
        if (skip > 0) {
          at = argument(bytes, at)
          continue
        }
        const byte = bytes[at++] ?? 0
        if (byte === LF) lineDone()
        else if (byte !== CR) {
          line += String.fromCharCode(byte)
          if (line.length > MAX_LINE) unreadable = true
        }
      }
    },
  }
}
