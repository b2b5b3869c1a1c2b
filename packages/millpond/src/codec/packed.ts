// Packed values: MessagePack's numbers and lists, with field names stored once per object shape, and all texts
// together. Half the time of JSON, and fewer bytes; no package needed.
//
//   0  text encoding, see TEXTS
//   1  length of the table   uint32, little-endian
//   5  length of the data    uint32, little-endian
//   9  CRC-32 of the table, by which a reader looks it up in its cache
//  13  table                 JSON, a list of shapes: the names of an object's fields, in order
//      data                  see TAG; a text is its length in UTF-16 units, an object the number of its shape and its
//      values
//      texts                 concatenated
//
// The table is stored with the value: it lives as long, is encrypted with it, and readers depend on nothing else. A
// reader caches tables and compares their bytes, so that reading a known one costs only a lookup; a writer creates each
// once (decision 0039 has what a table outside the values would save and cost).
import { escapeValue } from './escape.ts'
import type { Read, ValueFormat, Written } from './format.ts'
import { jsonFormat } from './json-format.ts'
import { type CodecLimits, escapedLimits } from './limits.ts'
import { readPacked } from './packed-read.ts'
import { writePacked } from './packed-write.ts'
import { reviveRead } from './revive.ts'

const NUMBER = { plain: 48, escaped: 49 } as const

/** Keeps and rejects what `jsonFormat` does. */
export const packedFormat: ValueFormat = { name: 'packed', numbers: Object.values(NUMBER), write, read }

function write(value: unknown, key: string, limits: CodecLimits): Written {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array)
    return jsonFormat.write(value, key, limits)
  const plain = writePacked(value, limits)
  if (plain !== undefined) return { number: NUMBER.plain, bytes: plain }
  const escaped = escapeValue(value, limits)
  const bytes =
    typeof escaped === 'object' && escaped !== null ? writePacked(escaped, escapedLimits(limits), true) : undefined
  return bytes === undefined ? jsonFormat.write(value, key, limits) : { number: NUMBER.escaped, bytes }
}

function read(number: number, bytes: Buffer, from: number, to: number, limits: CodecLimits): Read {
  if (number === NUMBER.plain) return readPacked(bytes, from, to, limits)
  return reviveRead(readPacked(bytes, from, to, escapedLimits(limits)), limits)
}
