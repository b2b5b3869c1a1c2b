// Structured lines for machines (`--log-level`), on standard error: what people read is on standard output.
import { createLog, type Level, type Log } from 'millpond/observe'

/** Undefined: nobody asked for lines. */
export function openLog(level: Level | undefined, nodeId: string): Log | undefined {
  if (level === undefined) return undefined
  return createLog({
    level,
    service: 'deals',
    fields: { 'service.node.name': nodeId },
    write: (line) => void process.stderr.write(line),
  })
}
