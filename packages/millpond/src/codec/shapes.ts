// Numbers the shapes of objects during writing: a shape is the field names in order, found without building a string.
//
// A trie of names: an object's fields lead from the root to a node, which is its shape. A second trie, of shapes, finds
// the table of a value: the shapes that it contains, in order of appearance. Writing a thousand rows of one query walks
// the same nodes each time, and builds the table's bytes once.
import { crc32 } from 'node:zlib'
import { MAX_FIELDS } from './packed-tags.ts'

/** An object with longer names is also treated as a dictionary. */
const MAX_NAME = 128
/** The most nodes of both tries, with the bytes of tables counted as nodes. */
const MAX_NODES = 20_000
const NODE_BYTES = 200
const CHECKSUM = 4
/**
 * After this many objects whose shapes did not fit, both tries are cleared: the current values may differ from those
 * that filled them.
 */
const FORGET_AFTER = 50_000

export interface Shape {
  readonly name: string
  readonly above: Shape | undefined
  readonly size: number
  next: Map<string, Shape> | undefined
  /** The child found last, which is usually the next one too. */
  last: Shape | undefined
  /** Its number in the value being written, and which value that is. */
  number: number
  value: number
}

export interface Table {
  readonly shape: Shape | undefined
  readonly above: Table | undefined
  /** The number of shapes. */
  readonly size: number
  next: Map<Shape, Table> | undefined
  last: Table | undefined
  bytes: Buffer | undefined
}

const newShape = (name: string, above: Shape | undefined): Shape => ({
  name,
  above,
  size: above === undefined ? 0 : above.size + 1,
  next: undefined,
  last: undefined,
  number: 0,
  value: 0,
})

const newTable = (shape: Shape | undefined, above: Table | undefined): Table => ({
  shape,
  above,
  size: above === undefined ? 0 : above.size + 1,
  next: undefined,
  last: undefined,
  bytes: undefined,
})

let shapes = newShape('', undefined)
let noShapes = newTable(undefined, undefined)
let nodes = 0
let refused = 0

/** The table of a value before anything is written. */
export const emptyTable = (): Table => noShapes

/** The shape of an object without fields. */
export const emptyShape = (): Shape => shapes

/** The shape with one more field; undefined if such an object's names are written with its values. */
export function shapeWith(shape: Shape, name: string): Shape | undefined {
  const next = shape.next?.get(name) ?? grow(shape, name)
  if (next !== undefined) shape.last = next
  return next
}

function grow(shape: Shape, name: string): Shape | undefined {
  if (shape.size === MAX_FIELDS || name.length > MAX_NAME) return undefined
  if (nodes >= MAX_NODES) {
    if (++refused >= FORGET_AFTER) forget()
    return undefined
  }
  nodes++
  const next = newShape(name, shape)
  shape.next ??= new Map()
  shape.next.set(name, next)
  return next
}

/** The table with one more shape. */
export function tableWith(table: Table, shape: Shape): Table {
  const { last } = table
  if (last !== undefined && last.shape === shape) return last
  const found = table.next?.get(shape)
  const next = found ?? newTable(shape, table)
  if (found === undefined) {
    // If there is no room, it is created for this value only.
    if (nodes >= MAX_NODES) return next
    nodes++
    table.next ??= new Map()
    table.next.set(shape, next)
  }
  table.last = next
  return next
}

/** Its CRC-32, then a list of lists of names as JSON. Must not be modified. */
export function bytesOfTable(table: Table): Buffer {
  if (table.bytes !== undefined) return table.bytes
  const names: (readonly string[])[] = []
  for (let at: Table | undefined = table; at?.shape !== undefined; at = at.above) names.push(namesOf(at.shape))
  const text = Buffer.from(JSON.stringify(names.reverse()))
  const bytes = Buffer.alloc(CHECKSUM + text.length)
  bytes.writeUInt32LE(crc32(text))
  text.copy(bytes, CHECKSUM)
  const weight = Math.ceil(bytes.length / NODE_BYTES)
  if (nodes + weight > MAX_NODES) return bytes
  nodes += weight
  table.bytes = bytes
  return bytes
}

function namesOf(shape: Shape): readonly string[] {
  const names: string[] = []
  for (let at = shape; at.above !== undefined; at = at.above) names.push(at.name)
  return names.reverse()
}

/** Nodes that the current write refers to stay valid for it. */
function forget(): void {
  shapes = newShape('', undefined)
  noShapes = newTable(undefined, undefined)
  nodes = 0
  refused = 0
}
