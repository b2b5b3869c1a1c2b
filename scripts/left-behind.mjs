// What a suite leaves changed in its process, where the suites after it would stand on it.
// @ts-check

/** What everything in a process stands on, by the name it is known under. @type {Record<string, () => unknown>} */
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

/** Takes down how things are; answers a function that names what has changed since. @returns {() => string[]} */
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
