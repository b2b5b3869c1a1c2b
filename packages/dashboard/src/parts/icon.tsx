// The dashboard's icons, drawn inline: no sprite, no request.
import type { ReactNode } from 'react'

const stroke = { fill: 'none', stroke: 'currentColor', strokeWidth: 1.5 }

const GLYPHS = {
  critical: (
    <>
      <path fill="currentColor" d="M5.2 1h5.6L15 5.2v5.6L10.8 15H5.2L1 10.8V5.2z" />
      <path stroke="var(--mp-page)" strokeWidth="1.8" d="M8 4.2v4.6M8 10.4v1.7" />
    </>
  ),
  warning: (
    <>
      <path {...stroke} strokeLinejoin="round" d="M8 1.8 15 14H1z" />
      <path {...stroke} strokeWidth="1.6" d="M8 6v4M8 11.3v1.5" />
    </>
  ),
  ok: <path {...stroke} strokeWidth="2" d="m2.5 8.5 3.7 3.7 7.3-8" />,
  unknown: (
    <>
      <circle cx="8" cy="8" r="6.7" {...stroke} strokeWidth="1.4" strokeDasharray="2.6 1.8" />
      <path {...stroke} d="M6 6.4a2 2 0 1 1 3 1.8c-.7.4-1 .8-1 1.5M8 11v1.3" />
    </>
  ),
  late: (
    <>
      <circle cx="8" cy="8" r="6.5" {...stroke} />
      <path {...stroke} d="M8 4v4.3l3 1.7" />
    </>
  ),
  no: <path {...stroke} strokeWidth="2" d="m3.5 3.5 9 9m0-9-9 9" />,
  none: <path {...stroke} d="M4 8h8" />,
  search: (
    <>
      <circle cx="7" cy="7" r="4.5" {...stroke} />
      <path {...stroke} d="m10.5 10.5 4 4" />
    </>
  ),
  pause: <path fill="currentColor" d="M4 3h2.8v10H4zm5.2 0H12v10H9.2z" />,
  play: <path fill="currentColor" d="m4.5 2.5 9 5.5-9 5.5z" />,
  copy: <path {...stroke} strokeWidth="1.4" d="M5.7 5.7h8v8h-8zM10.3 5.7V2.3h-8v8h3.4" />,
  lock: <path {...stroke} strokeWidth="1.4" d="M3 7h10v7H3zM5.2 7V4.8a2.8 2.8 0 0 1 5.6 0V7" />,
  menu: <path {...stroke} strokeWidth="1.6" d="M2 4.5h12M2 8h12M2 11.5h12" />,
} satisfies Record<string, ReactNode>

export type Glyph = keyof typeof GLYPHS

export function Icon({ name }: { readonly name: Glyph }) {
  return (
    <svg className="i" viewBox="0 0 16 16" aria-hidden="true">
      {GLYPHS[name]}
    </svg>
  )
}

export function Brand() {
  return (
    <svg
      viewBox="0 0 22 22"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.7"
      strokeLinecap="round"
      aria-hidden="true"
    >
      <circle cx="11" cy="3.6" r="1.7" fill="currentColor" stroke="none" />
      <path d="M1.5 9h19M4 9.5a7.2 7.2 0 0 0 14 0M7.8 9.5a3.3 3.3 0 0 0 6.4 0" />
    </svg>
  )
}
