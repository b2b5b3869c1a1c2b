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
      <code dir="auto">{shown(name)}</code>
    </Link>
  )
}

/** How a key is written here. */
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
