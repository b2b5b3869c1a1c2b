// MessagePack as a value format: keeps what JSON keeps, in fewer bytes. Plain data directly, the rest through the
// escape form; lone surrogates, which UTF-8 cannot encode, as JSON.
import { escapeValue } from './escape.ts'
import type { Read, ValueFormat, Written } from './format.ts'
import { jsonFormat } from './json-format.ts'
import { type CodecLimits, escapedLimits } from './limits.ts'
import { readMessagePack } from './message-pack-read.ts'
import { writeMessagePack } from './message-pack-write.ts'
import { reviveRead } from './revive.ts'

const NUMBER = { plain: 32, escaped: 33 } as const

/** Keeps and rejects what `jsonFormat` does. */
export const messagePackFormat: ValueFormat = { name: 'messagepack', numbers: Object.values(NUMBER), write, read }

function write(value: unknown, key: string, limits: CodecLimits): Written {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array)
    return jsonFormat.write(value, key, limits)
  const plain = writeMessagePack(value, limits)
  if (plain !== undefined) return { number: NUMBER.plain, bytes: plain }
  const escaped = escapeValue(value, limits)
  const bytes =
    typeof escaped === 'object' && escaped !== null ? writeMessagePack(escaped, escapedLimits(limits), true) : undefined
  return bytes === undefined ? jsonFormat.write(value, key, limits) : { number: NUMBER.escaped, bytes }
}

function read(number: number, bytes: Buffer, from: number, to: number, limits: CodecLimits): Read {
  if (number === NUMBER.plain) return readMessagePack(bytes, from, to, limits)
  return reviveRead(readMessagePack(bytes, from, to, escapedLimits(limits)), limits)
}
