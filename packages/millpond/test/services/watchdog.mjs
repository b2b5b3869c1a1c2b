// Ends servers whose test process is gone, however it went: its end of the pipe closes, and what is still on the list
// is killed and cleared away.
// @ts-check
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'

const pids = new Set()
const folders = new Set()

// `+pid 12`, `-pid 12`, `+folder /path`, `-folder /path`
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [, sign, kind, what] = /^([+-])(pid|folder) (.+)$/.exec(line) ?? []
    const list = kind === 'pid' ? pids : folders
    if (sign === '+') list.add(what)
    else list.delete(what)
  })
  .on('close', () => {
    for (const pid of pids) {
      try {
        process.kill(Number(pid), 'SIGKILL')
      } catch {
        // It ended by itself.
      }
    }
    // A killed server may write for a moment more.
    const clear = () => {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    }
    setTimeout(clear, folders.size > 0 ? 100 : 0)
  })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined)
