// A dialog: the browser's own, which handles focus, Escape and the inert background.
import { type ReactNode, useId, useLayoutEffect, useRef } from 'react'
import { useCloseOnOutsideClick } from './close-on-outside-click.ts'

export function Dialog({
  title,
  onClose,
  children,
  className = '',
}: {
  readonly title: ReactNode
  readonly onClose: () => void
  readonly children: ReactNode
  readonly className?: string
}) {
  const ref = useRef<HTMLDialogElement>(null)
  const heading = useId()
  const beside = useCloseOnOutsideClick(onClose)
  // In the same tick as it opens and closes, so that the next key press finds the focus in place.
  useLayoutEffect(() => {
    const dialog = ref.current
    if (dialog === null || dialog.open) return
    const place = dialog.getRootNode()
    const before = place instanceof ShadowRoot ? place.activeElement : document.activeElement
    dialog.showModal()
    return () => {
      dialog.close()
      // After the page has settled: the element that opened the dialog may be gone, and a new page starts at its
      // heading.
      queueMicrotask(() => {
        if (!(place instanceof Document || place instanceof ShadowRoot)) return
        if (place.activeElement !== null && place.activeElement !== document.body) return
        const back = before?.isConnected === true ? before : place.querySelector('main')
        if (back instanceof HTMLElement) back.focus()
      })
    }
  }, [])
  return (
    <dialog
      ref={ref}
      className={className}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onClose={() => ref.current?.open === false && onClose()}
      {...beside}
    >
      <div className="dialog-body">
        <h2 id={heading}>{title}</h2>
        {children}
      </div>
    </dialog>
  )
}
