// Packed values: MessagePack's numbers and lists, with the names of fields once for each shape of objects, and all
// texts in one piece. Half the time of JSON, and fewer bytes; no package.
//
//   0  how the texts are written, see TEXTS
//   1  length of the table   uint32, little-endian
//   5  length of the data    uint32, little-endian
//   9  CRC-32 of the table, by which a reader finds it among those that it knows
//  13  table                 JSON, a list of shapes: the names of an object's fields, in their order
//      data                  see TAG; a text is its length in UTF-16 units, an object the number of its shape and its values
//      texts                 one after the other
//
// The table travels with the value: it comes and goes with it, is sealed with it, and nobody else has to be asked for
// it. A reader remembers tables and compares their bytes, so that reading one costs no more than finding it; a writer
// makes each once (decision 0039 has what a table beside the values would save and cost).
import { escapeValue } from './escape.ts'
import type { Read, ValueFormat, Written } from './format.ts'
import { jsonFormat } from './json-format.ts'
import { type CodecLimits, escapedLimits } from './limits.ts'
import { readPacked } from './packed-read.ts'
import { writePacked } from './packed-write.ts'
import { reviveRead } from './revive.ts'

const NUMBER = { plain: 48, escaped: 49 } as const

/** Keeps and refuses what `jsonFormat` does. */
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
