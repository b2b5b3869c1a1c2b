// Drains the queue when the process is asked to terminate.
const drains = new Set<() => Promise<unknown>>()
let isListening = false

/** Runs before the process ends by SIGTERM. Returns a function that unsubscribes. */
export function onSigterm(drain: () => Promise<unknown>): () => void {
  drains.add(drain)
  if (!isListening) {
    isListening = true
    // Before all others, so that a one-time listener is still counted.
    process.prependListener('SIGTERM', drainAll)
  }
  return () => {
    drains.delete(drain)
    if (drains.size > 0) return
    isListening = false
    process.off('SIGTERM', drainAll)
  }
}

/**
 * If there are other listeners, they decide when the process ends; without any, it ends by the signal, as it would have
 * without us.
 */
async function drainAll(): Promise<void> {
  const isAlone = process.listenerCount('SIGTERM') === 1
  await Promise.allSettled([...drains].map((drain) => drain()))
  process.off('SIGTERM', drainAll)
  isListening = false
  if (isAlone) process.kill(process.pid, 'SIGTERM')
}
