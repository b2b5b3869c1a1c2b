// Missing pages: an unknown URL, and features that the server does not have.
import type { ReactNode } from 'react'
import { State } from '../parts/section.tsx'
import { Link } from '../place/place.tsx'

export function Missing() {
  return (
    <State label="Nothing found" title="There is no page at this address" level="h1">
      <p>It may have been mistyped, or belong to another release.</p>
      <p className="row">
        <Link to="" className="btn btn-primary">
          Now
        </Link>
      </p>
    </State>
  )
}

/** A feature whose routes the server does not have: what it would show, and how to enable it. */
export function NotInstalled({
  title,
  route,
  children,
}: {
  readonly title: string
  readonly route: string
  readonly children?: ReactNode
}) {
  return (
    <State label="This part is not switched on" title={title} level="h1">
      {children}
      <p className="note">
        This server does not answer <code>{route}</code> yet, so this page does not request it.
      </p>
    </State>
  )
}
