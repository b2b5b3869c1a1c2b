// Escapes a value that plain JSON would change into JSON data that preserves it, or rejects it and names the path.
//
// The escape form is an object with the single key "$". Its value is a word (`{"$":"NaN"}`) or a list of a type and its
// contents (`{"$":["Date",0]}`, `{"$":["Map","k1",1,"k2",2]}`). A user's object that has a key "$" is itself wrapped:
// `{"$":["Object",{"$":1}]}`; so escape form and data cannot be confused. `revive.ts` is the inverse.
import { types } from 'node:util'
import { MillpondError } from '../core/errors.ts'
import type { CodecLimits } from './limits.ts'
import { renderPath, type Step } from './path.ts'

export const MARK = '$'

/** The JSON data that represents `value`. Throws `VALUE_UNSUPPORTED` with the path, or `VALUE_TOO_LARGE`. */
export function escapeValue(value: unknown, limits: CodecLimits): unknown {
  if (value === undefined) {
    throw new MillpondError(
      'VALUE_UNSUPPORTED',
      'value is undefined, which means "nothing to store": use null to store that there is no value',
    )
  }
  if ('toJSON' in Array.prototype) {
    throw new MillpondError(
      'VALUE_UNSUPPORTED',
      'Object.prototype or Array.prototype has a toJSON, which would change every value: remove it',
    )
  }
  return new Walk(limits).value(value)
}

class Walk {
  readonly #limits: CodecLimits
  readonly #steps: Step[] = []
  readonly #above: object[] = []
  #items = 0
  #room: number

  constructor(limits: CodecLimits) {
    this.#limits = limits
    this.#room = limits.maxBytes
  }

  value(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        this.#take(value.length)
        return value
      case 'boolean':
        return value
      case 'number':
        return escapeNumber(value)
      case 'undefined':
        return { [MARK]: 'undefined' }
      case 'bigint':
        // Hexadecimal, because converting to decimal digits takes more than linear time.
        return { [MARK]: ['BigInt', value < 0n ? `-${(-value).toString(16)}` : value.toString(16)] }
      case 'object':
        return value === null ? null : (this.#leaf(value) ?? this.#container(value))
      default:
        return this.#refuse(`is a ${typeof value}`, 'store what it returns or stands for, or leave the field out')
    }
  }

  /** Built-ins that contain bytes or a time and no further values. */
  #leaf(value: object): unknown {
    if (types.isDate(value)) {
      this.#mustBe(value, 2, 'Date')
      const time = value.getTime()
      return { [MARK]: ['Date', Number.isNaN(time) ? null : time] }
    }
    if (ArrayBuffer.isView(value)) return this.#view(value)
    if (types.isArrayBuffer(value)) {
      this.#mustBe(value, 2, 'ArrayBuffer')
      this.#take(value.byteLength)
      return { [MARK]: ['ArrayBuffer', Buffer.from(value).toString('base64')] }
    }
    return undefined
  }

  // Named properties on a view are not checked: listing them would list every index.
  #view(value: ArrayBufferView): unknown {
    this.#take(value.byteLength)
    const base64 = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
    if (Object.getPrototypeOf(value) === Buffer.prototype) return { [MARK]: ['Buffer', base64] }
    const isTyped = types.isTypedArray(value)
    if (inheritance(value) !== (isTyped ? 3 : 2)) this.#instance(value)
    return { [MARK]: [isTyped ? value[Symbol.toStringTag] : 'DataView', base64] }
  }

  #container(value: object): unknown {
    if (this.#above.includes(value)) this.#refuse('refers back to itself', 'store an id instead of the reference')
    if (this.#above.length === this.#limits.maxDepth) {
      this.#refuse(
        `is nested deeper than ${this.#limits.maxDepth} levels`,
        'flatten the value, or raise limits.maxDepth of the codec',
      )
    }
    this.#above.push(value)
    const escaped = this.#inside(value)
    this.#above.pop()
    return escaped
  }

  #inside(value: object): unknown {
    if (Array.isArray(value)) return this.#array(value)
    if (types.isMap(value)) return this.#map(value)
    if (types.isSet(value)) return this.#set(value)
    return this.#object(value)
  }

  #array(value: unknown[]): unknown {
    if (inheritance(value) !== 2) this.#instance(value)
    this.#count(value.length)
    const list: unknown[] = []
    for (let i = 0; i < value.length; i++) {
      const item = value[i]
      this.#steps.push(i)
      if (item === undefined && !Object.hasOwn(value, i))
        this.#refuse('is a hole in an array', 'write undefined or null there')
      list.push(this.value(item))
      this.#steps.pop()
    }
    if (Object.keys(value).length !== value.length) {
      this.#refuseAt(
        Object.keys(value)[value.length] ?? '',
        'is a named property of an array',
        'store an object that holds the array beside it',
      )
    }
    this.#noSymbols(value)
    return list
  }

  #map(value: Map<unknown, unknown>): unknown {
    this.#mustBe(value, 2, 'Map')
    this.#count(value.size * 2)
    const list: unknown[] = ['Map']
    let i = 0
    for (const [key, item] of value) {
      this.#steps.push({ note: 'key of entry', index: i })
      list.push(this.value(key))
      this.#steps.pop()
      this.#steps.push({ note: 'entry', index: i++ })
      list.push(this.value(item))
      this.#steps.pop()
    }
    return { [MARK]: list }
  }

  #set(value: Set<unknown>): unknown {
    this.#mustBe(value, 2, 'Set')
    this.#count(value.size)
    const list: unknown[] = ['Set']
    let i = 0
    for (const item of value) {
      this.#steps.push({ note: 'member', index: i++ })
      list.push(this.value(item))
      this.#steps.pop()
    }
    return { [MARK]: list }
  }

  #object(value: object): unknown {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (!isPlainPrototype(prototype) || Symbol.toStringTag in value || types.isArgumentsObject(value))
      this.#instance(value)
    this.#noSymbols(value)
    const names = Object.keys(value)
    this.#count(names.length)
    // No prototype: fields named __proto__ or toJSON are ordinary fields here.
    const fields: Record<string, unknown> = Object.create(null)
    for (const name of names) {
      this.#take(name.length)
      this.#steps.push(name)
      fields[name] = this.value((value as Record<string, unknown>)[name])
      this.#steps.pop()
    }
    if (prototype === null) return { [MARK]: ['null', fields] }
    return names.includes(MARK) ? { [MARK]: ['Object', fields] } : fields
  }

  #noSymbols(value: object): void {
    for (const symbol of Object.getOwnPropertySymbols(value)) {
      if (Object.prototype.propertyIsEnumerable.call(value, symbol)) {
        this.#refuseAt(
          { note: String(symbol) },
          'is a field whose name is a symbol',
          'use a string as its name, or leave the field out',
        )
      }
    }
  }

  #count(items: number): void {
    this.#items += items || 1
    if (this.#items > this.#limits.maxItems) {
      throw new MillpondError(
        'VALUE_TOO_LARGE',
        `value holds more than ${this.#limits.maxItems} items (counted up to ${renderPath(this.#steps)}): store less, or raise limits.maxItems of the codec`,
      )
    }
  }

  /** Counts text and bytes, whose encoding is never shorter, before time is spent on them. */
  #take(length: number): void {
    this.#room -= length
    if (this.#room < 0) {
      throw new MillpondError(
        'VALUE_TOO_LARGE',
        `value needs more than ${this.#limits.maxBytes} bytes (counted up to ${renderPath(this.#steps)}): store less, or raise limits.maxBytes of the codec`,
      )
    }
  }

  /** Rejects subclasses of a built-in, and built-ins with added fields. */
  #mustBe(value: object, depth: number, kind: string): void {
    if (inheritance(value) !== depth) this.#instance(value)
    const [extra] = Object.keys(value)
    if (extra !== undefined)
      this.#refuseAt(extra, `is a field added to a ${kind}`, `store an object that holds the ${kind} beside it`)
    this.#noSymbols(value)
  }

  #instance(value: object): never {
    const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name
    const kind = typeof name === 'string' && name !== '' && name !== 'Object' ? name : 'class without a name'
    return this.#refuse(`is an instance of ${kind}`, 'store plain data and build the instance after reading')
  }

  #refuseAt(step: Step, fact: string, remedy: string): never {
    this.#steps.push(step)
    return this.#refuse(fact, remedy)
  }

  #refuse(fact: string, remedy: string): never {
    throw new MillpondError(
      'VALUE_UNSUPPORTED',
      `${renderPath(this.#steps)} ${fact}, which a cache cannot store: ${remedy}`,
    )
  }
}

function escapeNumber(value: number): unknown {
  if (Object.is(value, -0)) return { [MARK]: '-0' }
  return Number.isFinite(value) ? value : { [MARK]: String(value) }
}

/** The length of the prototype chain. Tells a built-in from its subclasses in every realm. */
function inheritance(value: object): number {
  let depth = 0
  for (let up: unknown = Object.getPrototypeOf(value); up !== null; up = Object.getPrototypeOf(up)) depth++
  return depth
}

/** `Object.prototype` of this or another realm (a vm context), or none. */
function isPlainPrototype(prototype: unknown): boolean {
  if (prototype === null || prototype === Object.prototype) return true
  return (
    typeof prototype === 'object' &&
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, 'isPrototypeOf')
  )
}
