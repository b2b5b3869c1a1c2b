// The fields of a configuration: their labels and formats.
import type { ConfigurationDocument } from '../../api/types.ts'
import type { Numbers } from '../../format/numbers.ts'

export type Field = keyof ConfigurationDocument

export const FIELD_NAMES: Readonly<Record<Field, string>> = {
  name: 'Name',
  cache_type: 'Kept in',
  strategy: 'Strategy',
  ttl_seconds: 'TTL',
  max_size_mb: 'Memory',
  compression_enabled: 'Compressed',
  is_active: 'Active',
  priority: 'Priority',
}

export const FIELDS = Object.keys(FIELD_NAMES).filter(isField)

export function isField(name: string): name is Field {
  return name in FIELD_NAMES
}

export function written(field: string, value: unknown, numbers: Numbers): string {
  if (value === null || value === undefined) return 'not set'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number' && field === 'ttl_seconds') return `${numbers.number(value, 3)} s`
  if (typeof value === 'number' && field === 'max_size_mb') return `${numbers.number(value, 3)} MB`
  if (typeof value === 'number') return numbers.number(value, 3)
  return typeof value === 'string' ? value.replaceAll('_', ' ') : JSON.stringify(value)
}

/** The fields that differ between two documents, in the form's order. */
export function changed(from: ConfigurationDocument | undefined, to: ConfigurationDocument): readonly Field[] {
  return FIELDS.filter((field) => from?.[field] !== to[field])
}

/** A view contains more than the document that a PUT takes. */
export function documentOf(view: ConfigurationDocument): ConfigurationDocument {
  const { name, cache_type, strategy, ttl_seconds, max_size_mb, compression_enabled, is_active, priority } = view
  return { name, cache_type, strategy, ttl_seconds, max_size_mb, compression_enabled, is_active, priority }
}
