// D2: only named fields are cached, or named fields are left out.
import { describe, expect, it } from 'vitest'
import { select } from '../../src/codec/index.ts'
import { assertSame } from './same.ts'
import { protoField } from './values.ts'

const user = () => ({
  id: 1,
  name: 'Ann',
  password: 'x',
  owner: { email: 'a@b.c', phone: '1', at: new Date(0) },
  'a.b': 2,
})

describe('D2 select', () => {
  it('keeps the picked fields, in the order they are named', () => {
    assertSame(select({ pick: ['name', 'id'] })(user()), { name: 'Ann', id: 1 })
  })

  it('leaves the omitted fields out', () => {
    assertSame(select({ omit: ['password', 'owner', 'nothing'] })(user()), { id: 1, name: 'Ann', 'a.b': 2 })
  })

  it('reaches fields of fields', () => {
    assertSame(select({ pick: ['owner.email', 'owner.at'] })(user()), { owner: { email: 'a@b.c', at: new Date(0) } })
    assertSame(select({ omit: ['owner.phone', ['a.b'], 'id', 'name', 'password'] })(user()), {
      owner: { email: 'a@b.c', at: new Date(0) },
    })
  })

  it('takes lists element by element, at every level', () => {
    assertSame(select({ pick: ['rows.id'] })({ rows: [{ id: 1, x: 1 }, null, [{ id: 2, x: 2 }]], x: 1 }), {
      rows: [{ id: 1 }, null, [{ id: 2 }]],
    })
  })

  it('a whole field outranks its parts, in either order', () => {
    const whole = { owner: { email: 'a@b.c', phone: '1', at: new Date(0) } }
    assertSame(select({ pick: ['owner', 'owner.email'] })(user()), whole)
    assertSame(select({ pick: ['owner.email', 'owner'] })(user()), whole)
  })

  it('passes what has no fields of its own', () => {
    for (const value of [null, undefined, 1, 'text', new Date(0), new Map([['id', 1]]), Buffer.from('a')]) {
      expect(select({ pick: ['id'] })(value)).toBe(value)
      expect(select({ omit: ['id'] })(value)).toBe(value)
    }
  })

  it('changes nothing it was given, and pollutes nothing', () => {
    const value = Object.assign(protoField({ polluted: true }), { id: 1 })
    assertSame(select({ omit: ['id'] })(value), protoField({ polluted: true }))
    assertSame(select({ pick: ['__proto__'] })(value), protoField({ polluted: true }))
    expect(select({ pick: ['constructor', 'toString'] })({})).toEqual({})
    const before = user()
    select({ omit: ['owner.email'] })(before)
    assertSame(before, user())
  })

  it.each([
    [{}],
    [{ pick: ['a'], omit: ['b'] }],
    [{ pick: [] }],
    [{ omit: [''] }],
    [{ pick: ['a..b'] }],
    [{ pick: [1] }],
    [{ pick: 'id' }],
  ])('refuses %o', (selection) => {
    expect(() => Reflect.apply(select, undefined, [selection])).toThrowError(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
  })
})
