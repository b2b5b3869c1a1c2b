// The component of each page.
import type { ComponentType } from 'react'
import { Access } from './access.tsx'
import { Alerts } from './alerts/alerts.tsx'
import { Audit } from './audit.tsx'
import { Cdn } from './cdn/cdn.tsx'
import { Configurations } from './configurations/configurations.tsx'
import { Experiments } from './experiments/experiments.tsx'
import { Advice } from './insight/advice.tsx'
import { Sizing } from './insight/sizing.tsx'
import { Invalidate } from './invalidate/invalidate.tsx'
import { Keys } from './keys/keys.tsx'
import { Live } from './live/live.tsx'
import { Now } from './now/now.tsx'
import { Proposals } from './proposals/proposals.tsx'
import { Settings } from './settings.tsx'
import { Warm } from './warm/warm.tsx'
import { Why } from './why.tsx'

export const PAGE_COMPONENTS: Readonly<Record<string, ComponentType>> = {
  '': Now,
  keys: Keys,
  why: Why,
  live: Live,
  invalidate: Invalidate,
  warm: Warm,
  cdn: Cdn,
  proposals: Proposals,
  sizing: Sizing,
  experiments: Experiments,
  advice: Advice,
  configurations: Configurations,
  alerts: Alerts,
  audit: Audit,
  access: Access,
  settings: Settings,
}
