// The parts that every route works with.
import type { Alerts } from './alerts/alerts.ts'
import type { AutoApply } from './auto/auto.ts'
import type { ControlCdn } from './cdn/part.ts'
import type { Configurations } from './configurations/configurations.ts'
import type { TierFactories } from './configurations/named.ts'
import type { Experiments } from './experiments/experiments.ts'
import type { Fleet } from './fleet/fleet.ts'
import type { Collector } from './metrics/collector.ts'
import type { History } from './metrics/history.ts'
import type { Operations } from './operations/operations.ts'
import type { Store } from './store/store.ts'
import type { Hub } from './stream/hub.ts'

export interface Control {
  /** Where everything but the caches is stored. */
  readonly store: Store
  /** Stored configurations: their versions, drafts and applications. */
  readonly configurations: Configurations
  /** The processes of each cache, and questions to them. */
  readonly fleet: Fleet
  /** Collects the reports of all processes. */
  readonly collector: Collector
  /** Figures by time, as stored. */
  readonly history: History
  /** Invalidations, warming and other work with its results. */
  readonly operations: Operations
  /** Alerts that fire or have fired. */
  readonly alerts: Alerts
  /** Comparisons of settings on a share of the keys. */
  readonly experiments: Experiments
  /** Applies advice by itself, as far as that is allowed. */
  readonly auto: AutoApply
  /** Delivers events to listeners of the event stream. */
  readonly hub: Hub
  /** Evaluates every rule now; alerts are raised without a second evaluation. */
  readonly judge: () => Promise<void>
  /** Webhooks may go to private networks. */
  readonly allowPrivateWebhooks: boolean
  /** The host application signs in its own users. */
  readonly isHosted: boolean
  /** How to reach the tiers that configurations name. */
  readonly tiers: TierFactories
  /** Absent: its routes have nothing to show, and refuse to act. */
  readonly cdn: ControlCdn | undefined
  /** Of this package. */
  readonly version: string
}
