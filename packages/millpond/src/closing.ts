// The steps in which a cache or a namespace closes: none of them may hang, or leave the others undone.
import type { Services } from './engine/space.ts'
import type { Opened } from './namespaces.ts'

/**
 * How long `close` waits for background work, in milliseconds: a hanging loader must not delay the end of the process.
 */
const CLOSE_MS = 5_000

/** Waits for background work for a limited time, and reports work that was still running. */
export async function inTime({ clock, events }: Services, work: Promise<unknown>): Promise<void> {
  let cancel = (): void => {}
  const late = new Promise<boolean>((resolve) => {
    cancel = clock.after(CLOSE_MS, () => resolve(true), true)
  })
  const isLate = await Promise.race([work.then(() => false), late])
  cancel()
  if (isLate)
    events.emit('warning', {
      message: `the cache was closed, but background work was still running after ${CLOSE_MS} ms (perhaps a refresh whose loader hangs): it was abandoned`,
    })
}

/** Never rejects: tiers are closed in any case. */
export async function endWatching({ events }: Services, watcher: { close(): unknown }): Promise<void> {
  try {
    await watcher.close()
  } catch (error) {
    events.emit('warning', { message: 'insight on this cache could not be closed', error })
  }
}

/** Delayed work is due now, nothing new begins, and what is running is awaited. */
export async function finish(opened: Opened): Promise<void> {
  await endDelays(opened)
  await opened.cache.flush()
  await opened.space.outlets?.close()
}

/** Delayed work is due now; nothing new begins. */
export async function endDelays({ space }: Opened): Promise<void> {
  await space.delays.flush()
  for (const windows of space.coalescing.values()) await windows.flush()
  space.closed = true
}
