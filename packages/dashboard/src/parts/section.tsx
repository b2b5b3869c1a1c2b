// The structure of a page: ruled sections, titles, notices, and empty states.
import { type ReactNode, useId } from 'react'
import { type Glyph, Icon } from './icon.tsx'

export function Section({
  title,
  note,
  children,
  footer,
  className = '',
  id,
}: {
  readonly title: ReactNode
  readonly note?: ReactNode
  readonly children: ReactNode
  readonly footer?: ReactNode
  readonly className?: string
  readonly id?: string
}) {
  const heading = useId()
  return (
    <section className={`sec ${className}`} aria-labelledby={heading} id={id}>
      <header>
        <h2 id={heading}>{title}</h2>
        {note !== undefined && <p>{note}</p>}
      </header>
      {children}
      {footer !== undefined && <footer>{footer}</footer>}
    </section>
  )
}

export function PageTitle({
  title,
  say,
  actions,
  crumbs,
  isKey = false,
}: {
  readonly title: ReactNode
  readonly say?: ReactNode
  readonly actions?: ReactNode
  readonly crumbs?: readonly ReactNode[]
  /** The title is a key: it wraps and is not cut. */
  readonly isKey?: boolean
}) {
  return (
    <header className="page-title">
      {crumbs !== undefined && (
        <nav aria-label="Breadcrumb">
          <ol className="crumbs">
            {crumbs.map((crumb, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: crumbs are told apart by their place
              <li key={at}>{crumb}</li>
            ))}
          </ol>
        </nav>
      )}
      <div className="title">
        <div>
          <h1 className={isKey ? 'key-name' : 'lede'} tabIndex={-1}>
            {title}
          </h1>
          {say !== undefined && <div className="say">{say}</div>}
        </div>
        {actions !== undefined && <div className="row">{actions}</div>}
      </div>
    </header>
  )
}

export type NoticeTone = 'critical' | 'warning' | 'proven' | 'plain'

export function Notice({
  tone = 'plain',
  glyph,
  children,
  more,
  actions,
  isAlert = false,
}: {
  readonly tone?: NoticeTone
  readonly glyph?: Glyph
  readonly children: ReactNode
  readonly more?: ReactNode
  readonly actions?: ReactNode
  /** Announced at once. */
  readonly isAlert?: boolean
}) {
  const icon = glyph ?? (tone === 'plain' ? undefined : tone === 'proven' ? 'ok' : tone)
  return (
    <div
      className={`notice ${tone === 'plain' ? '' : tone} ${icon === undefined ? 'bare' : ''}`}
      role={isAlert ? 'alert' : undefined}
    >
      {icon !== undefined && <Icon name={icon} />}
      <p>{children}</p>
      {more !== undefined && <p>{more}</p>}
      {actions !== undefined && <div className="row">{actions}</div>}
    </div>
  )
}

/** An empty state: what is the case, what still works, what to do. */
export function State({
  label,
  title,
  children,
  level = 'h2',
}: {
  readonly label: string
  readonly title: ReactNode
  readonly children?: ReactNode
  readonly level?: 'h1' | 'h2'
}) {
  const Title = level
  return (
    <section className="state">
      <header>
        <p className="state-label">{label}</p>
      </header>
      <Title className="state-title">{title}</Title>
      {children}
    </section>
  )
}
