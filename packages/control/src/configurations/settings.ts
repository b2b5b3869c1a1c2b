// Sends stored configurations to the processes that run the caches of their names: at startup, after each change, and
// after a store was emptied.
import type { Control } from '../control.ts'

/** Follows changes; returns a function that stops it. */
export function keepSettings(control: Control, onError: (error: unknown) => void): () => void {
  return control.configurations.onChange((name) => {
    inTurn(control, async () => {
      await bring(control, name)
      await publish(control)
    }).catch(onError)
  })
}

/** All of them: unchanged ones are not put again. */
export function bringSettings(control: Control): Promise<void> {
  return inTurn(control, async () => {
    for (const name of control.fleet.names) await bring(control, name)
    await publish(control)
  })
}

/** One at a time: a put must not overwrite a later one with what was read earlier. */
const turns = new WeakMap<Control, Promise<void>>()
function inTurn(control: Control, work: () => Promise<void>): Promise<void> {
  const turn = (turns.get(control) ?? Promise.resolve()).then(work, work)
  turns.set(control, turn)
  return turn
}

const MOST = 1000

/** The oldest thousand: a document of the node channel holds no more. */
function publish({ configurations, fleet }: Control): Promise<void> {
  return putUntilItStands(
    async () => {
      const rows = await configurations.list(0, MOST)
      return rows.map(
        ({ view: { id: _id, version: _version, created_at: _created, updated_at: _updated, ...document } }) => document,
      )
    },
    (documents) => fleet.putConfigurations(documents),
  )
}

async function bring({ configurations, fleet }: Control, name: string): Promise<void> {
  if (!fleet.has(name)) return
  await putUntilItStands(
    async () => {
      const held = await configurations.byName(name)
      return held === undefined
        ? null
        : {
            ttl_seconds: held.ttl_seconds,
            max_size_mb: held.max_size_mb,
            is_active: held.is_active,
            priority: held.priority,
          }
    },
    (document) => fleet.putSettings(name, document),
  )
}

/**
 * Another control plane of the same store may have read after us and put before us. Each one reads the store again
 * after it has put: so the last put is what the store says, in whatever order they came, without comparing clocks.
 */
async function putUntilItStands<T>(read: () => Promise<T>, put: (read: T) => Promise<void>): Promise<void> {
  let next = await read()
  for (;;) {
    const held = next
    await put(held)
    next = await read()
    if (JSON.stringify(next) === JSON.stringify(held)) return
  }
}
