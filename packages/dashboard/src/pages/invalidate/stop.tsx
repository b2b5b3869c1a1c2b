// One step of an invalidation.
import type { ReactNode } from 'react'
import { Icon } from '../../parts/icon.tsx'

export function Stop({
  at,
  is,
  title,
  note,
  children,
}: {
  readonly at: number
  readonly is: 'done' | 'doing'
  readonly title: string
  readonly note?: ReactNode
  readonly children: ReactNode
}) {
  return (
    <li className={is} aria-current={is === 'doing' ? 'step' : undefined}>
      <span className="stop">
        {is === 'done' ? <Icon name="ok" /> : at}
        <span className="sr">{is === 'done' ? `Step ${at}, done` : `Step ${at}`}</span>
      </span>
      <section aria-label={title}>
        <header className="path-head">
          <h2>{title}</h2>
          {note !== undefined && <p>{note}</p>}
        </header>
        {children}
      </section>
    </li>
  )
}
