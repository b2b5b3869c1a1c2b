// The component's props, validated when it is rendered: hosts in JavaScript have no compiler to do so.
import { checkOptions, flag, fn, isOptions, oneOf, text, that } from './checks.ts'
import type { Addresses } from './place/addresses.ts'
import { PAGES } from './shell/pages.ts'
import { RANGES } from './shell/range.ts'
import { THEME_TOKENS, type ThemeToken } from './shell/theme.ts'

/**
 * Everything has a default: `<CachingDashboard />` calls the admin API of its own origin and signs in by a token field.
 */
export interface CachingDashboardProps {
  /** Default `/api/admin/caching`. */
  readonly apiBaseUrl?: string
  /** Default: the browser's `fetch`. */
  readonly fetcher?: (url: string, init: RequestInit) => Promise<Response>
  /** Headers that sign the caller in, requested before each call. With it there is no token field. */
  readonly auth?: () => Readonly<Record<string, string>>
  /** Names of the pages to show: `['keys', 'invalidate']`. Default: all. Now is always shown. */
  readonly pages?: readonly string[]
  /** `5m`, `15m` (default), `1h`, `6h`, `24h`, `7d`. */
  readonly initialRange?: string
  /** How often live numbers are requested, 1 to 4 times a second. Default 1. */
  readonly refreshHz?: number
  /** Offers no actions, whatever the role. Default false. */
  readonly readOnly?: boolean
  /** Default `system`. */
  readonly theme?: 'light' | 'dark' | 'system'
  /**
   * Custom colours, fonts and corners: `{ accent: '#5b2be0', font: 'Inter, sans-serif' }`. For both schemes:
   * `light-dark(#5b2be0, #b9a5ff)`. Default: none.
   */
  readonly tokens?: Partial<Record<ThemeToken, string>>
  /**
   * `shadow`: within a shadow root with its own style, which isolates the styles of page and dashboard.
   * Default `none`: import `@millpond/dashboard/style.css`.
   */
  readonly isolate?: 'none' | 'shadow'
  /**
   * The nonce of your Content-Security-Policy, for the one `<style>` that a browser without constructed style sheets
   * needs in a shadow root. Default: none.
   */
  readonly nonce?: string
  /** BCP 47. Default `en`. */
  readonly locale?: string
  /** IANA name. Default: the browser's. */
  readonly timeZone?: string
  /** Called with the location in the dashboard (`keys/?key=a`) whenever it changes. */
  readonly onNavigate?: (place: string) => void
  /** A badge beside the name; `production` is red. */
  readonly environment?: { readonly label: string; readonly color?: string }
  /** `names`: keys are shown as a hash. Default: the user's choice under Settings, else `none`. */
  readonly redact?: 'none' | 'names'
  /**
   * How locations are written into the URL. Default: behind `#/`, which does not affect the host application's router.
   */
  readonly addresses?: Addresses
  /** The dashboard is the whole page: it sets the document's title and scrolls the window. Default false. */
  readonly isPage?: boolean
}

const ADDRESSES: readonly (keyof Addresses)[] = ['read', 'href', 'write', 'onChange']
const NAMES = PAGES.map(({ page }) => page).filter((page) => page !== '')

const PROPS = {
  apiBaseUrl: text("an address such as '/api/admin/caching'"),
  fetcher: fn('a function like fetch'),
  auth: fn('a function that returns headers'),
  pages: that(
    (value) => Array.isArray(value) && value.every((page) => PAGES.some((known) => known.page === page)),
    `a list of ${NAMES.join(', ')}`,
  ),
  initialRange: oneOf(...RANGES.map(({ name }) => name)),
  refreshHz: that((value) => typeof value === 'number' && value >= 1 && value <= 4, 'a number from 1 to 4'),
  readOnly: flag,
  theme: oneOf('light', 'dark', 'system'),
  tokens: that(isTokens, `an object of texts, with names among ${THEME_TOKENS.join(', ')}`),
  isolate: oneOf('none', 'shadow'),
  nonce: text('the nonce of the policy'),
  locale: that(
    (value) => typeof value === 'string' && isKnown(() => new Intl.NumberFormat(value)),
    "a language tag such as 'en-GB'",
  ),
  timeZone: that(
    (value) => typeof value === 'string' && isKnown(() => new Intl.DateTimeFormat('en', { timeZone: value })),
    "the name of a time zone such as 'Europe/Vienna'",
  ),
  onNavigate: fn('a function that receives places'),
  environment: that(isEnvironment, "an object such as { label: 'staging' }"),
  redact: oneOf('none', 'names'),
  addresses: that(
    (value) =>
      isOptions(value) && ADDRESSES.every((name) => name in value && typeof value[name as never] === 'function'),
    "the result of pathAddresses('/ops/caches/')",
  ),
  isPage: flag,
}

/** @throws TypeError naming the prop, the value and what to pass instead. */
export function checkProps(props: unknown): asserts props is CachingDashboardProps {
  checkOptions<CachingDashboardProps>(props, PROPS, 'CachingDashboard')
}

function isEnvironment(value: unknown): boolean {
  if (!isOptions(value) || !('label' in value) || typeof value.label !== 'string') return false
  return !('color' in value) || value.color === undefined || typeof value.color === 'string'
}

function isTokens(value: unknown): boolean {
  return (
    isOptions(value) &&
    Object.entries(value).every(([name, text]) => isToken(name) && (typeof text === 'string' || text === undefined))
  )
}

const isToken = (name: string): boolean => THEME_TOKENS.some((token) => token === name)

function isKnown(make: () => unknown): boolean {
  try {
    make()
    return true
  } catch {
    return false
  }
}
