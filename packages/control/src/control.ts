// What every route works with.
import type { Configurations } from './configurations/configurations.ts'
import type { Store } from './store/store.ts'

export interface Control {
  readonly store: Store
  readonly configurations: Configurations
  /** Of this package. */
  readonly version: string
}
