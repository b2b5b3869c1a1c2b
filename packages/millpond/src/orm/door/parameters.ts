// Parameters as statements of SQLite name them.

/**
 * A list stays one. Values by name: without the `:`, `@` or `$` that some drivers want in front, but `$1` stays `$1`.
 */
export function byName(parameters: unknown): unknown {
  if (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters)) return parameters
  const plain: [string, unknown][] = []
  for (const [name, value] of Object.entries(parameters)) {
    // By its place from 1, or by its name.
    if (/^\d+$/.test(name)) plain.push([String(Number(name) - 1), value], [`$${name}`, value])
    else plain.push([/^[:@$]\D/.test(name) ? name.slice(1) : name, value])
  }
  return Object.fromEntries(plain)
}
