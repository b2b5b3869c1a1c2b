// Experiments: two settings side by side on shares of the keys. The server has no route for them yet.
import { NotInstalled } from '../shell/missing.tsx'

export function Experiments() {
  return (
    <NotInstalled title="No experiment can be run here" route="GET experiments/">
      <p>
        Two settings side by side, shared out by the hash of the key: hit ratio, loads and staleness of each, and a verdict that says when
        it is sound.
      </p>
    </NotInstalled>
  )
}
