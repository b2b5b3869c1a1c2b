// The edges of a CDN by name, and which of them a call means.
import type { ByEdge, EdgeSelection } from './cdn.ts'
import type { Time } from './clock.ts'
import type { Edge } from './edge.ts'
import { CdnError } from './errors.ts'
import { EdgePurger } from './purge.ts'

export class SelectedEdges {
  readonly #purgers = new Map<string, EdgePurger>()

  /** @throws CdnError `TARGET_INVALID` for two edges of one name. */
  constructor(edges: readonly Edge[], time: Time) {
    for (const edge of edges) {
      if (this.#purgers.has(edge.name))
        throw new CdnError(
          'TARGET_INVALID',
          `createCdn: two edges are called ${JSON.stringify(edge.name)}: give each its own name`,
        )
      this.#purgers.set(edge.name, new EdgePurger(edge, time))
    }
  }

  get names(): string {
    return [...this.#purgers.keys()].join(', ')
  }

  /** @throws CdnError `TARGET_INVALID` for an unknown name, and for a site that may be of several edges. */
  of({ edges: names, site }: Pick<EdgeSelection, 'edges' | 'site'>): readonly EdgePurger[] {
    if (names?.length === 0) throw new CdnError('TARGET_INVALID', 'edges is empty: leave it out for all edges')
    const chosen = (names ?? [...this.#purgers.keys()]).map((name) => {
      const purger = this.#purgers.get(name)
      if (purger === undefined)
        throw new CdnError('TARGET_INVALID', `there is no edge called ${JSON.stringify(name)}: there are ${this.names}`)
      return purger
    })
    if (site !== undefined && chosen.length > 1)
      throw new CdnError(
        'TARGET_INVALID',
        `${JSON.stringify(site)} needs an edge, since there are several: name the edge too`,
      )
    return chosen
  }

  /** @throws CdnError `TARGET_INVALID` if there are no edges: a CDN may have folders alone. */
  checkSome(): void {
    if (this.#purgers.size === 0)
      throw new CdnError('TARGET_INVALID', 'there is no edge: give createCdn({ edges: [cloudflare()] })')
  }

  /** Asks each selected vendor; its `CdnError` is its answer. */
  ask<T>(where: EdgeSelection, ask: (edge: Edge) => Promise<T>): Promise<readonly ByEdge<T>[]> {
    return Promise.all(
      this.of(where).map(async ({ edge }): Promise<ByEdge<T>> => {
        const own = { edge: edge.name, vendor: edge.vendor, site: where.site ?? edge.site }
        try {
          return { ...own, found: await ask(edge) }
        } catch (error) {
          if (error instanceof CdnError) return { ...own, error }
          throw error
        }
      }),
    )
  }

  close(): void {
    for (const purger of this.#purgers.values()) purger.close()
  }
}
