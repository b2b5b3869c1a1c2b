// An object with some of its methods replaced.

/** The other methods are called on the object itself, whose fields may be private. */
export function instead<T extends object>(inner: T, methods: Readonly<Record<string, unknown>>): T {
  return new Proxy(inner, {
    get: (_, name) => {
      if (typeof name === 'string' && Object.hasOwn(methods, name)) return methods[name]
      const value: unknown = Reflect.get(inner, name, inner)
      return typeof value === 'function' ? value.bind(inner) : value
    },
  })
}
