// Standard Schema (standardschema.dev, version 1): the one property by which schemas of Zod, Valibot, ArkType and
// others are called.

/** A schema of any library that speaks Standard Schema, version 1. `T`: what it makes of a value. */
export interface StandardSchema<T> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaAnswer<T> | Promise<SchemaAnswer<T>>
    readonly types?: { readonly input: unknown; readonly output: T } | undefined
  }
}

/** The result of validating a value. */
export type SchemaAnswer<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] }

export const isStandardSchema = (value: unknown): value is StandardSchema<unknown> => {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function'
  if (!isObject || !('~standard' in value)) return false
  const standard = value['~standard']
  return (
    typeof standard === 'object' &&
    standard !== null &&
    'validate' in standard &&
    typeof standard.validate === 'function'
  )
}
