// A key as it may be shown: whole, or where the host application redacts names, as a short mark of it.
import { useDashboard } from '../context.tsx'
import { Link, placeOf } from '../place/place.tsx'

export function KeyLink({
  name,
  namespace,
  cache,
}: {
  readonly name: string
  readonly namespace: string
  readonly cache?: string | undefined
}) {
  const shown = useKeyName()
  return (
    <Link to={placeOf('keys', { cache, ns: namespace, key: name })} className="key-link">
      <code dir="auto" translate="no">
        {shown(name)}
      </code>
    </Link>
  )
}

/** How a key is written here; the same function while the dashboard is the same. */
export function useKeyName(): (name: string) => string {
  const { redact } = useDashboard()
  return redact === 'names' ? redacted : whole
}

const whole = (name: string): string => name

/** FNV-1a over UTF-16: to tell names apart on a screen, not to hide them from whoever can guess. */
function redacted(name: string): string {
  let hash = 0x811c9dc5
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  return `key ${(hash >>> 0).toString(16).padStart(8, '0')}`
}

/** Where keys stand in what the server answers. */
const OF_KEYS = new Set(['key', 'keys'])

/** Data for people to read, with its keys written as they are written here. */
export function useKeysIn(): (data: unknown) => unknown {
  const { redact } = useDashboard()
  return redact === 'names' ? hidden : (data) => data
}

function hidden(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(hidden)
  if (typeof data !== 'object' || data === null) return data
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => [name, OF_KEYS.has(name) ? marked(value) : hidden(value)]),
  )
}

const marked = (value: unknown): unknown => {
  if (typeof value === 'string') return redacted(value)
  return Array.isArray(value)
    ? value.map((one: unknown) => redacted(typeof one === 'string' ? one : JSON.stringify(one)))
    : hidden(value)
}
