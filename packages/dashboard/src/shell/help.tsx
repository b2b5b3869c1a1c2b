// The keyboard shortcuts.
import { Dialog } from '../parts/dialog.tsx'
import { PAGES } from './pages.ts'

const OTHERS = [
  ['Ctrl K or /', 'Search and go'],
  ['p', 'Pause, resume'],
  ['?', 'This list'],
  ['Esc', 'Close the open panel'],
] as const

export function Help({ onClose }: { readonly onClose: () => void }) {
  const pages = PAGES.flatMap(({ shortcut, name }) => (shortcut === undefined ? [] : [[shortcut, name] as const]))
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <dl className="keys-list">
        {[...OTHERS, ...pages].map(([keys, what]) => (
          <div key={keys} className="contents">
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <div className="row">
        {/* biome-ignore lint/a11y/noAutofocus: the first thing in a dialog is where the keyboard goes */}
        <button type="button" className="btn" onClick={onClose} autoFocus>
          Close
        </button>
      </div>
    </Dialog>
  )
}
