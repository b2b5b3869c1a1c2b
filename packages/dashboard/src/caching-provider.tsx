// The context of the dashboard and its parts: client, sign-in, stream, navigation, style.
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { type ReactNode, useCallback, useMemo, useRef, useState } from 'react'
import { batched } from './api/batch.ts'
import { ApiError, createCacheClient } from './api/client.ts'
import { type Dashboard, DashboardContext } from './context.tsx'
import { createNumbers } from './format/numbers.ts'
import { createTimes } from './format/times.ts'
import { vars } from './parts/words.tsx'
import { hashAddresses } from './place/addresses.ts'
import { PlaceProvider } from './place/place.tsx'
import { type CachingDashboardProps, checkProps } from './props.ts'
import { heldCredentials } from './shell/credentials.ts'
import { FocusKept } from './shell/focus.ts'
import { Gate } from './shell/gate.tsx'
import { Isolated } from './shell/isolated.tsx'
import { LiveProvider } from './shell/live.tsx'
import { usePreferences } from './shell/preferences.ts'
import { PreferencesContext } from './shell/preferences-context.ts'

/** The dashboard's props, and its children. */
export interface CachingProviderProps extends CachingDashboardProps {
  /** What may use the components of the dashboard. */
  readonly children: ReactNode
}

/**
 * What the parts of the dashboard need around them: the client, the sign-in, the stream, the style.
 * @throws TypeError naming the prop that is not allowed
 * @example
 * <CachingProvider auth={() => headers}>
 *   <KeyInspector name="org:42" namespace="default" cache="shop" />
 * </CachingProvider>
 */
export function CachingProvider({ children, ...props }: CachingProviderProps) {
  checkProps(props)
  const { apiBaseUrl, fetcher, auth, environment, readOnly = false, pages, isPage = false, onNavigate } = props
  const { refreshHz = 1, initialRange = '15m', locale = 'en', isolate = 'none', nonce, tokens } = props
  const root = useRef<HTMLDivElement>(null)
  const preferences = usePreferences({ theme: props.theme, timeZone: props.timeZone, redact: props.redact })
  const { timeZone, redact } = preferences
  const [fallback] = useState(hashAddresses)
  const token = useRef<string | undefined>(
    heldCredentials((apiBaseUrl ?? '/api/admin/caching').replace(/\/$/, '')).token,
  )
  const [refusals, setRefusals] = useState(0)
  const onToken = useCallback((given: string | undefined) => {
    token.current = given
  }, [])
  // Inline functions of the host are new at each of its renders: a new client each time would sign in again and restart
  // the page.
  const given = useRef({ fetcher, auth })
  given.current = { fetcher, auth }
  const routes = useRef<ReadonlySet<string>>(new Set())
  const client = useMemo(() => {
    const plain = createCacheClient({
      apiBaseUrl,
      fetcher: (url, init) => (given.current.fetcher ?? fetch)(url, init),
      auth: () =>
        given.current.auth?.() ?? (token.current === undefined ? {} : { Authorization: `Bearer ${token.current}` }),
    })
    return batched(plain, () => routes.current.has('POST batch/'))
  }, [apiBaseUrl])
  const onRoutes = useCallback((known: ReadonlySet<string>) => {
    routes.current = known
  }, [])
  const [queries] = useState(() => createQueries(() => setRefusals((count) => count + 1)))
  const dashboard = useMemo<Dashboard>(
    () => ({
      client,
      numbers: createNumbers(locale),
      times: createTimes({ locale, timeZone }),
      environment,
      readOnly,
      redact,
      refreshHz,
      initialRange,
      pages,
      isPage,
      root: () => root.current ?? document.body,
    }),
    [client, locale, timeZone, environment, readOnly, redact, refreshHz, initialRange, pages, isPage],
  )
  const around = (
    <div
      className="millpond"
      ref={root}
      data-theme={preferences.theme === 'system' ? undefined : preferences.theme}
      data-page={isPage || undefined}
      style={
        tokens === undefined
          ? undefined
          : vars(Object.fromEntries(Object.entries(tokens).map(([name, value]) => [`--mp-${name}`, value])))
      }
    >
      <FocusKept root={root} />
      <QueryClientProvider client={queries}>
        <DashboardContext.Provider value={dashboard}>
          <PreferencesContext.Provider value={preferences}>
            <PlaceProvider addresses={props.addresses ?? fallback} onNavigate={onNavigate}>
              <Gate
                client={client}
                readOnly={readOnly}
                isHosted={auth !== undefined}
                onToken={onToken}
                onRoutes={onRoutes}
                refusals={refusals}
              >
                <LiveProvider>{children}</LiveProvider>
              </Gate>
            </PlaceProvider>
          </PreferencesContext.Provider>
        </DashboardContext.Provider>
      </QueryClientProvider>
    </div>
  )
  return isolate === 'shadow' ? <Isolated nonce={nonce}>{around}</Isolated> : around
}

const AGAIN = 2

function createQueries(onRefused: () => void): QueryClient {
  const onError = (error: unknown) => {
    if (error instanceof ApiError && error.status === 401) onRefused()
  }
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        staleTime: 1000,
        networkMode: 'always',
        // Only transient failures are retried.
        retry: (failures, error) =>
          failures < AGAIN && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500),
        refetchIntervalInBackground: false,
      },
      mutations: { networkMode: 'always' },
    },
  })
}
