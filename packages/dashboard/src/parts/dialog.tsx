// A dialog: the browser's own, so that focus, Escape and what lies behind are the browser's business.
import { type ReactNode, useEffect, useId, useRef } from 'react'
import { usePressBeside } from './press-beside.ts'

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
  const beside = usePressBeside(onClose)
  useEffect(() => {
    const dialog = ref.current
    if (dialog === null || dialog.open) return
    const place = dialog.getRootNode()
    const before = place instanceof ShadowRoot ? place.activeElement : document.activeElement
    dialog.showModal()
    return () => {
      dialog.close()
      // What opened it may be gone by what was done in it.
      const back =
        before?.isConnected === true
          ? before
          : place instanceof Document || place instanceof ShadowRoot
            ? place.querySelector('main')
            : null
      if (back instanceof HTMLElement) back.focus()
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
      onClose={() => ref.current?.open !== true && onClose()}
      {...beside}
    >
      <div className="dialog-body">
        <h2 id={heading}>{title}</h2>
        {children}
      </div>
    </dialog>
  )
}
