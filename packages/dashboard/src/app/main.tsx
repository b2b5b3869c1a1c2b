// The page that the control plane serves: the dashboard in the whole window, configured by the page's head.
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { CachingDashboard } from '../caching-dashboard.tsx'
import { pathAddresses } from '../place/addresses.ts'
import './app.css'

interface Given {
  readonly apiBaseUrl?: string
  readonly environment?: { readonly label: string; readonly color?: string }
  readonly readOnly?: boolean
}

const given: Given = JSON.parse(document.querySelector<HTMLMetaElement>('meta[name="millpond"]')?.content || '{}')
const root = document.getElementById('millpond')
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      <CachingDashboard {...given} addresses={pathAddresses(new URL(document.baseURI).pathname)} isPage />
    </StrictMode>,
  )
