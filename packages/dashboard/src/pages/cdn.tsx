// The CDN: purges, assets, images. The server has no route for them yet.
import { NotInstalled } from '../shell/missing.tsx'

export function Cdn() {
  return (
    <NotInstalled title="No CDN is attached" route="GET cdn/analytics/">
      <p>Purges by path or tag with their progress, uploaded assets, images in smaller forms, and what the edges answered.</p>
    </NotInstalled>
  )
}
