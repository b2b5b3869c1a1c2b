// Generates every kind of value that the codec keeps, nested.
import fc from '../properties.ts'
import { protoField } from './values.ts'

const NAMES = ['a', 'b', '$', '__proto__', 'constructor', '', '0', '17', 'toString']

const leaf = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    undefined,
    true,
    false,
    -0,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ),
  fc.double(),
  fc.integer(),
  fc.bigInt(),
  fc.string({ unit: 'binary' }),
  fc.array(fc.nat({ max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc.date({ noInvalidDate: false }),
  fc.uint8Array(),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.float64Array(),
  fc.int16Array(),
  fc.uint8Array().map((bytes) => bytes.slice().buffer),
)

const name = fc.oneof(fc.constantFrom(...NAMES), fc.string())

const tree = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'value' },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map((fields) => objectOf({}, fields)),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map((fields) => objectOf(Object.create(null), fields)),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 4 }).map((members) => new Set(members)),
  ),
}))

/** Anything but `undefined` itself, which means "nothing to store". */
export const anyValue: fc.Arbitrary<unknown> = tree.value.filter((value) => value !== undefined)

function objectOf(target: object, fields: [string, unknown][]): object {
  for (const [field, value] of fields)
    Object.defineProperty(target, field, Object.getOwnPropertyDescriptor(protoField(value), '__proto__') ?? {})
  return target
}
