// The tags of an entry, each a link to the entries that carry it.
import { Name } from '../../parts/words.tsx'
import { Link, placeOf } from '../../place/place.tsx'

const MOST_TAGS = 4

export function Tags({ tags, cache }: { readonly tags: readonly string[]; readonly cache: string | undefined }) {
  if (tags.length === 0) return <span className="note">none</span>
  return (
    <span className="tags">
      {tags.slice(0, MOST_TAGS).map((tag) => (
        <Link key={tag} to={placeOf('keys', { cache, tag })}>
          <Name>{tag}</Name>
        </Link>
      ))}
      {tags.length > MOST_TAGS && <span className="note">{tags.length - MOST_TAGS} more</span>}
    </span>
  )
}
