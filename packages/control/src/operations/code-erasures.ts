// Erasures that a program started itself (`cache.erase`): each gets an audit row, which contains no names. The
// processes report them while they run.
import { appendAudit } from '../audit/audit.ts'
import type { Control } from '../control.ts'
import type { FleetNode } from '../fleet/fleet.ts'

/** By process start: the last one that was recorded. */
export class CodeErasures {
  readonly #seen = new Map<string, number>()

  /** Polls the processes whose count has grown since the last look. */
  async look(control: Control): Promise<void> {
    const present = new Set<string>()
    for (const cache of control.fleet.names)
      for (const node of control.collector.snapshot(cache)?.nodes ?? []) {
        const life = `${cache} ${node.boot}`
        present.add(life)
        const count = node.report?.erasures ?? 0
        const seen = this.#seen.get(life) ?? 0
        if (!node.isLate && count > seen) this.#seen.set(life, await takeIn(control, cache, node, seen))
      }
    for (const life of this.#seen.keys()) if (!present.has(life)) this.#seen.delete(life)
  }
}

/** Resolves with the number of the last one that is recorded. */
async function takeIn(
  control: Control,
  cache: string,
  { id: node, isLocal }: FleetNode,
  after: number,
): Promise<number> {
  const [reply] = await control.fleet.ask(cache, 'erase_begun', { after }, { to: [node] })
  let last = after
  for (const { seq, id, namespace, at, writes } of reply?.body?.begun ?? []) {
    await control.store.write(async (tx) => {
      // This process may have been restarted, or another control plane may have recorded it before.
      const known = await tx
        .selectFrom('audit')
        .select('seq')
        .where('action', '=', 'erase.code')
        .where('target', '=', cache)
        .where('detail', 'like', `%"${id}"%`)
        .executeTakeFirst()
      if (known !== undefined) return
      await appendAudit(control.store, tx, {
        kind: 'result',
        actor: `process:${node}`,
        via: 'code',
        action: 'erase.code',
        target: cache,
        requestId: id,
        detail: { receipt: id, namespace, at, dropped_writes: writes, is_local: isLocal },
      })
    })
    last = seq
  }
  return last
}
