// The guards of a cache, by name.
import { MillpondError, show } from '../../core/errors.ts'
import type { GuardOptions, GuardStats, SourceGuard } from '../../core/guard.ts'
import { Guard, type GuardServices } from './source-guard.ts'

export class Guards {
  readonly #services: GuardServices
  readonly #guards = new Map<string, Guard>()

  constructor(services: GuardServices) {
    this.#services = services
  }

  /**
   * Created with its options, or an existing one.
   * @throws MillpondError `OPTION_INVALID` if it exists already, or not yet.
   */
  guard(name: string, options: GuardOptions | undefined): Guard {
    const known = this.#guards.get(name)
    if (options === undefined) {
      if (known !== undefined) return known
      const names = [...this.#guards.keys()]
      throw new MillpondError(
        'OPTION_INVALID',
        `there is no guard ${show(name)}: create it with options${names.length === 0 ? '' : `, or use ${names.join(', ')}`}`,
      )
    }
    if (known !== undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        `there is already a guard ${show(name)}: change it with its configure(), or get it without options`,
      )
    const guard = new Guard(name, options, this.#services)
    this.#guards.set(name, guard)
    return guard
  }

  /** The guard that a source names, passes, or describes; `name`: for one that is described. */
  of(given: string | SourceGuard | GuardOptions, name: string): Guard {
    if (typeof given === 'string') return this.guard(given, undefined)
    if (given instanceof Guard) {
      if (this.#guards.get(given.name) === given) return given
      throw new MillpondError(
        'OPTION_INVALID',
        `the guard ${show(given.name)} belongs to another cache: create one with guard() of this cache`,
      )
    }
    return this.guard(name, given as GuardOptions)
  }

  remove(guard: Guard): void {
    this.#guards.delete(guard.name)
  }

  get stats(): readonly GuardStats[] {
    return [...this.#guards.values()].map((guard) => guard.stats())
  }
}
