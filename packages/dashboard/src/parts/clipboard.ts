// Copies a text to the clipboard. Over plain HTTP from another machine browsers have no `navigator.clipboard`; a
// selection can still be copied.

/** @param beside a neighbouring element: in an open dialog nothing outside of it can be selected */
export async function copyText(text: string, beside: HTMLElement): Promise<void> {
  // May be missing, whatever the types say.
  const clipboard: Clipboard | undefined = navigator.clipboard
  if (clipboard !== undefined) return clipboard.writeText(text)
  const field = Object.assign(document.createElement('textarea'), { className: 'sr', value: text, readOnly: true })
  beside.after(field)
  field.select()
  const isCopied = document.execCommand('copy')
  beside.focus({ preventScroll: true })
  field.remove()
  if (!isCopied) throw new Error('this browser does not allow copying')
}
