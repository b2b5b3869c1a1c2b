// Structured log lines (`--log-level`) on standard error: text for people is on standard output.
import { createLog, type Level, type Log } from 'millpond/observe'

/** Undefined: no log lines. */
export function openLog(level: Level | undefined, nodeId: string): Log | undefined {
  if (level === undefined) return undefined
  return createLog({
    level,
    service: 'deals',
    fields: { 'service.node.name': nodeId },
    write: (line) => void process.stderr.write(line),
  })
}
