// A key for display: in full, or as a short hash if the host application redacts names.
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

/** How keys are formatted here; a stable function. */
export function useKeyName(): (name: string) => string {
  const { redact } = useDashboard()
  return redact === 'names' ? redacted : whole
}

const whole = (name: string): string => name

/** FNV-1a over UTF-16: to tell names apart on a screen, not to hide them from someone who can guess. */
function redacted(name: string): string {
  let hash = 0x811c9dc5
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  return `key ${(hash >>> 0).toString(16).padStart(8, '0')}`
}

/** Where keys occur in the server's responses. */
const OF_KEYS = new Set(['key', 'keys'])

/** Data for display, with its keys formatted like all others. */
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
