// What is queued is drained when the process is asked to end.
const drains = new Set<() => Promise<unknown>>()
let isListening = false

/** Runs before the process ends by SIGTERM. Returns how to take it back. */
export function onSigterm(drain: () => Promise<unknown>): () => void {
  drains.add(drain)
  if (!isListening) {
    isListening = true
    // In front of all others, so that one that hears it once is still counted.
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
 * Whoever else listens decides when the process ends; without anybody, it ends by the signal, as it would have without
 * us.
 */
async function drainAll(): Promise<void> {
  const isAlone = process.listenerCount('SIGTERM') === 1
  await Promise.allSettled([...drains].map((drain) => drain()))
  process.off('SIGTERM', drainAll)
  isListening = false
  if (isAlone) process.kill(process.pid, 'SIGTERM')
}
