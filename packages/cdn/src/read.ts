// Validated access to parsed responses of other services.

export function fieldOf(value: unknown, ...path: readonly (string | number)[]): unknown {
  let at = value
  for (const name of path) {
    if (typeof at !== 'object' || at === null) return undefined
    at = Reflect.get(at, name)
  }
  return at
}

export const textOf = (value: unknown, ...path: readonly (string | number)[]): string | undefined => {
  const found = fieldOf(value, ...path)
  return typeof found === 'string' && found !== '' ? found : undefined
}

export const numberOf = (value: unknown, ...path: readonly (string | number)[]): number | undefined => {
  const found = fieldOf(value, ...path)
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined
}

export const listOf = (value: unknown, ...path: readonly (string | number)[]): readonly unknown[] => {
  const found = fieldOf(value, ...path)
  return Array.isArray(found) ? found : []
}

/** `undefined` if nothing was counted. */
export const ratio = (part: number | undefined, whole: number | undefined): number | undefined =>
  part === undefined || whole === undefined || whole <= 0 ? undefined : Math.min(1, part / whole)

export const sum = (numbers: readonly (number | undefined)[]): number | undefined => {
  const known = numbers.filter((one) => one !== undefined)
  return known.length === 0 ? undefined : known.reduce((total, one) => total + one, 0)
}
