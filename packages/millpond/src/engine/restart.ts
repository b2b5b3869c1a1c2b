// Warm restart: the hottest entries of memory survive a restart, and are judged by the ledger when restored.
//
// With a shared ledger every entry names its position, so that a file of any age is safe: entries invalidated meanwhile
// are not accepted. A ledger in this process dies with it. Then only a file written by `close` may be accepted, and
// only once: it is moved away before anything is acknowledged, so that a later crash cannot bring back what was
// invalidated since.
import { rm } from 'node:fs/promises'
import type { RestartOptions, RestartParts, Restored } from './restart-parts.ts'
import { restoreHottest } from './restart-restore.ts'
import { saveHottest } from './restart-save.ts'
import type { Space } from './space.ts'

/** A running warm restart. */
export interface Restart {
  readonly restored: Promise<Restored>
  /** Waits for the restore, writes the file once more, and ends. */
  stop(): Promise<void>
}

/** Starts restoring in the background, and writes the file periodically. Failures are events. */
export function openRestart(
  parts: RestartParts,
  options: RestartOptions,
  open: (namespace: string) => Space,
  spaces: () => readonly Space[],
): Restart {
  const { warmth } = parts
  const { clock, events } = parts.services
  const warn = (message: string, error?: unknown): void =>
    events.emit('warning', { message: `warm restart: ${message}`, error })
  let cancel = (): void => {}
  let isStopped = false
  let saving: Promise<void> = Promise.resolve()
  const save = async (): Promise<void> => {
    try {
      await saveHottest(parts, options, spaces())
    } catch (error) {
      warn(`${options.path} could not be written`, error)
    }
  }
  warmth.rewrite = async () => {
    await restored
    await saving
    if (parts.ledgerStore === undefined) await rm(options.path, { force: true })
    else await saveHottest(parts, options, spaces(), true)
  }
  const later = (): void => {
    if (isStopped || options.everyMs === Number.POSITIVE_INFINITY || parts.ledgerStore === undefined) return
    cancel = clock.after(options.everyMs, () => {
      saving = save()
      void saving.then(later)
    })
  }
  const restored = restoreHottest(parts, options.path, open)
    .then(({ problem, ...result }) => {
      if (problem !== undefined) warn(`${options.path} ${problem}`)
      return result
    })
    .catch((error: unknown) => {
      warn(`${options.path} could not be restored`, error)
      return { restored: 0, refused: 0 }
    })
    .finally(() => {
      warmth.restoring = undefined
    })
  warmth.restoring = restored
  void restored.then(later)
  return {
    restored,
    async stop() {
      isStopped = true
      cancel()
      await restored
      await saving
      await save()
    },
  }
}
