// Detects global state that a suite leaves changed in its process, for the suites after it.
// @ts-check

/** The globals that are watched, by name. @type {Record<string, () => unknown>} */
const FOUNDATIONS = {
  Date: () => globalThis.Date,
  'Date.now': () => Date.now,
  'performance.now': () => performance.now,
  setTimeout: () => globalThis.setTimeout,
  setInterval: () => globalThis.setInterval,
  setImmediate: () => globalThis.setImmediate,
  queueMicrotask: () => globalThis.queueMicrotask,
  'process.nextTick': () => process.nextTick,
  'Math.random': () => Math.random,
  fetch: () => globalThis.fetch,
  'console.log': () => console.log,
  'console.warn': () => console.warn,
  'console.error': () => console.error,
  'the working directory': () => process.cwd(),
  'the listeners of unhandledRejection': () => process.listenerCount('unhandledRejection'),
  'the listeners of uncaughtException': () => process.listenerCount('uncaughtException'),
}

/** Records the current state; returns a function that names what has changed since. @returns {() => string[]} */
export function watchProcess() {
  const before = Object.entries(FOUNDATIONS).map(([name, read]) => /** @type {const} */ ([name, read, read()]))
  const env = { ...process.env }
  return () => [
    ...before.filter(([, read, was]) => read() !== was).map(([name]) => name),
    ...[...new Set([...Object.keys(env), ...Object.keys(process.env)])]
      .filter((name) => env[name] !== process.env[name])
      .map((name) => `process.env.${name}`),
  ]
}
