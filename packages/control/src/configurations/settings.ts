// Brings stored configurations to the processes that run the caches of their names: at the start, after each change, and where a store was emptied.
import type { Control } from '../control.ts'

/** Follows changes; returns how to stop. */
export function keepSettings(control: Control, onError: (error: unknown) => void): () => void {
  return control.configurations.onChange((name) => {
    inTurn(control, async () => {
      await bring(control, name)
      await publish(control)
    }).catch(onError)
  })
}

/** All of them: what stands already is not put again. */
export function bringSettings(control: Control): Promise<void> {
  return inTurn(control, async () => {
    for (const name of control.fleet.names) await bring(control, name)
    await publish(control)
  })
}

/** One at a time: who has read before a change must not put after whoever has read behind it. */
const turns = new WeakMap<Control, Promise<void>>()
function inTurn(control: Control, work: () => Promise<void>): Promise<void> {
  const turn = (turns.get(control) ?? Promise.resolve()).then(work, work)
  turns.set(control, turn)
  return turn
}

const MOST = 1000

/** The oldest thousand: a document of the node channel holds no more. */
async function publish({ configurations, fleet }: Control): Promise<void> {
  const rows = await configurations.list(0, MOST)
  await fleet.putConfigurations(
    rows.map(({ view: { id: _id, version: _version, created_at: _created, updated_at: _updated, ...document } }) => document),
  )
}

async function bring({ configurations, fleet }: Control, name: string): Promise<void> {
  if (!fleet.has(name)) return
  const held = await configurations.byName(name)
  await fleet.putSettings(
    name,
    held === undefined ? null : { ttl_seconds: held.ttl_seconds, max_size_mb: held.max_size_mb, is_active: held.is_active },
  )
}
