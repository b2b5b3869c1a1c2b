// What is given in the place of an option by mistake. The compiler reads the types of these: what is an option's own
// type is not tried on it.

class Odd {
  readonly odd = 1
}

export const GARBAGE = {
  true: true as const,
  text: 'nonsense' as const,
  number: 7.25 as const,
  bigint: 7n as const,
  null: null,
  list: [undefined],
  listOfLists: [[7.25]],
  object: { nonsense: 1 },
  instance: new Odd(),
  date: new Date(0),
  map: new Map([['nonsense', 1]]),
  promise: Promise.resolve(1),
  function: (): never => {
    throw new Error('called by mistake')
  },
  symbol: Symbol('nonsense') as symbol,
}

/** Of the right type, and nonsense all the same. */
export const ODD_NUMBERS = { nan: Number.NaN, negative: -1 } as const
