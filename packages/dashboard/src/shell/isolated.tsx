// A shadow root around the dashboard, with its own style and without the page's.
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { createPortal } from 'react-dom'

/** Inherited properties cross into a shadow root; this resets them. */
const HOST = ':host { all: initial; display: block; min-height: 100% }'

export function Isolated({ nonce, children }: { readonly nonce: string | undefined; readonly children: ReactNode }) {
  const host = useRef<HTMLDivElement>(null)
  const [root, setRoot] = useState<ShadowRoot | undefined>()
  const [error, setError] = useState<unknown>()
  useEffect(() => {
    const element = host.current
    if (element === null) return
    const shadow = element.shadowRoot ?? element.attachShadow({ mode: 'open' })
    let isGone = false
    import('@millpond/dashboard/style-text').then(
      ({ default: css }) => {
        if (isGone) return
        adopt(shadow, `${HOST}\n${css}`, nonce)
        setRoot(shadow)
      },
      (failure: unknown) => !isGone && setError(failure),
    )
    return () => {
      isGone = true
    }
  }, [nonce])
  if (error !== undefined) throw error
  return <div ref={host}>{root !== undefined && createPortal(children, root)}</div>
}

/** A constructed style sheet is not an inline style: no policy blocks it. */
function adopt(shadow: ShadowRoot, css: string, nonce: string | undefined): void {
  const { adoptedStyleSheets: constructed } = shadow
  if (constructed === undefined) {
    // For old web views.
    const style = Object.assign(document.createElement('style'), {
      textContent: css,
      ...(nonce !== undefined && { nonce }),
    })
    shadow.replaceChildren(style)
    return
  }
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(css)
  shadow.adoptedStyleSheets = [sheet]
}
