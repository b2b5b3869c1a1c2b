// Which component stands for which page.
import type { ComponentType } from 'react'
import { Access } from './access.tsx'
import { Audit } from './audit.tsx'
import { Configurations } from './configurations/configurations.tsx'
import { Advice, Alerts, Cdn, Experiments, Invalidate, Keys, LiveTail, Now, Sizing, Warm, Why } from './not-yet.tsx'
import { Settings } from './settings.tsx'

export const PAGE_COMPONENTS: Readonly<Record<string, ComponentType>> = {
  '': Now,
  keys: Keys,
  why: Why,
  live: LiveTail,
  invalidate: Invalidate,
  warm: Warm,
  cdn: Cdn,
  sizing: Sizing,
  experiments: Experiments,
  advice: Advice,
  configurations: Configurations,
  alerts: Alerts,
  audit: Audit,
  access: Access,
  settings: Settings,
}
