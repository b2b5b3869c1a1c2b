/**
 * Is it an error, of whichever realm? A test runner that gives each file its own globals (Jest) leaves Node's modules outside: what they throw is no instance of
 * the `Error` that is seen here.
 */
export function isError(value: unknown): value is Error {
  if (value instanceof Error) return true
  return typeof value === 'object' && value !== null && isText(value, 'message') && isText(value, 'stack')
}

const isText = (value: object, name: string): boolean => typeof Reflect.get(value, name) === 'string'
