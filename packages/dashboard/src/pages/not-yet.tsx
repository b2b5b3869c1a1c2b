// Pages of parts that a server may not have: what they show, and what to switch on.
import { State } from '../parts/section.tsx'
import { NotInstalled } from '../shell/missing.tsx'

export function Sizing() {
  return (
    <State label="No page yet" title="Sizing is told by the API" level="h1">
      <p>
        How many misses another size of memory, another policy or another TTL would have had, on the traffic just seen, with its error. It
        has no page here yet; the route answers where insight watches a cache.
      </p>
    </State>
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
    <State label="No page yet" title="Advice is told by the command line" level="h1">
      <p>
        What costs most, what would change it, and by how much, from the traffic of the last days. It has no page here yet:{' '}
        <code>millpond optimize</code> tells it, where insight watches a cache.
      </p>
    </State>
  )
}

export function Cdn() {
  return (
    <NotInstalled title="No CDN is attached" route="GET cdn/analytics/">
      <p>Purges by path or tag with their progress, uploaded assets, images in smaller forms, and what the edges answered.</p>
    </NotInstalled>
  )
}
