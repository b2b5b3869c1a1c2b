// Pages of parts that a server may not have: what they show, and what to switch on.
import { NotInstalled } from '../shell/missing.tsx'

export function Now() {
  return (
    <NotInstalled title="No cache is attached to this control plane" route="GET metrics/summary/">
      <p>Whether it is us, which tier, since when, what changed, and what to press: from the caches that report here.</p>
    </NotInstalled>
  )
}

export function Keys() {
  return (
    <NotInstalled title="No keys can be listed here" route="GET keys/">
      <p>Every copy of a key, one row for each node and tier, and whether they are the same.</p>
    </NotInstalled>
  )
}

export function Why() {
  return (
    <NotInstalled title="No miss can be explained here" route="GET explain/">
      <p>Why a key missed: the cause in each tier, and who asked for the invalidation that took it.</p>
    </NotInstalled>
  )
}

export function LiveTail() {
  return (
    <NotInstalled title="This server sends no events" route="GET stream/">
      <p>What happens as it happens, within a budget, with every gap shown.</p>
    </NotInstalled>
  )
}

export function Invalidate() {
  return (
    <NotInstalled title="Nothing can be invalidated from here" route="POST invalidations/plan/">
      <p>First a plan that says what would go and what the source will feel, then the run, the answer of each node, and a probe.</p>
    </NotInstalled>
  )
}

export function Warm() {
  return (
    <NotInstalled title="Nothing can be warmed from here" route="POST warming/warm_keys/">
      <p>Keys loaded before they are asked for, at a pace that the source can bear.</p>
    </NotInstalled>
  )
}

export function Alerts() {
  return (
    <NotInstalled title="No alerts are kept here" route="GET alerts/">
      <p>What fires, since when, how far over its threshold, and what to do.</p>
    </NotInstalled>
  )
}

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
