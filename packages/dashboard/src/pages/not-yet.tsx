// Pages of parts that a server may not have: what they show, and what to switch on.
import { NotInstalled } from '../shell/missing.tsx'

export function Sizing() {
  return (
    <NotInstalled title="Sizing needs a sample of your traffic" route="GET sizing/">
      <p>How many misses another size of memory, another policy or another TTL would have had, on the traffic just seen, with its error.</p>
    </NotInstalled>
  )
}

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

export function Advice() {
  return (
    <NotInstalled title="Advice needs some days of figures" route="POST optimizations/analyze/">
      <p>What costs most, what would change it, and by how much, from the traffic of the last days.</p>
    </NotInstalled>
  )
}

export function Cdn() {
  return (
    <NotInstalled title="No CDN is attached" route="GET cdn/analytics/">
      <p>Purges by path or tag with their progress, uploaded assets, images in smaller forms, and what the edges answered.</p>
    </NotInstalled>
  )
}
