// The whole dashboard as one component.
import { CachingProvider } from './caching-provider.tsx'
import type { CachingDashboardProps } from './props.ts'
import { Shell } from './shell/shell.tsx'

/**
 * The whole dashboard, to be mounted in a page of your own.
 * @throws TypeError naming the invalid prop @example import '@millpond/dashboard/style.css'; <CachingDashboard
 * apiBaseUrl="/api/admin/caching" />
 */
export function CachingDashboard(props: CachingDashboardProps) {
  return (
    <CachingProvider {...props}>
      <Shell />
    </CachingProvider>
  )
}
