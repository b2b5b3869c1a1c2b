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
  const { redact } = useDashboard()
  return (
    <Link to={placeOf('keys', { cache, ns: namespace, key: name })} className="key-link">
      <code dir="auto">{redact === 'names' ? redacted(name) : name}</code>
    </Link>
  )
}

/** FNV-1a over UTF-16: to tell names apart on a screen, not to hide them from whoever can guess. */
export function redacted(name: string): string {
  let hash = 0x811c9dc5
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  return `key ${(hash >>> 0).toString(16).padStart(8, '0')}`
}
