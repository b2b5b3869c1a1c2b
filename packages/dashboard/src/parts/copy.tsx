// Copies a text; confirms it, or says how to copy by hand if the browser does not permit it.
import { type MouseEvent, useEffect, useState } from 'react'
import { copyText } from './clipboard.ts'
import { Icon } from './icon.tsx'

export function CopyButton({
  text,
  label = 'Copy',
  isSmall = true,
}: {
  readonly text: string | (() => string)
  readonly label?: string
  readonly isSmall?: boolean
}) {
  const [state, setState] = useState<'idle' | 'copied' | 'refused'>('idle')
  useEffect(() => {
    if (state === 'idle') return
    const timer = setTimeout(() => setState('idle'), 2000)
    return () => clearTimeout(timer)
  }, [state])
  const copy = async ({ currentTarget }: MouseEvent<HTMLButtonElement>) => {
    try {
      await copyText(typeof text === 'function' ? text() : text, currentTarget)
      setState('copied')
    } catch {
      setState('refused')
    }
  }
  return (
    <button type="button" className={`btn ${isSmall ? 'btn-small' : ''}`} onClick={copy}>
      <Icon name={state === 'copied' ? 'ok' : 'copy'} />
      <span aria-live="polite">
        {state === 'copied' ? 'Copied' : state === 'refused' ? 'Select and copy by hand' : label}
      </span>
    </button>
  )
}
