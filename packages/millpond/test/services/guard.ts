// Leaves no server behind: a watchdog process that outlives this one by a moment.
import { spawn } from 'node:child_process'
import { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'

type Kind = 'pid' | 'folder'

let tell: ((line: string) => void) | undefined

/** From now on the process or folder goes when this process does, even by SIGKILL. */
export function guard(kind: Kind, what: number | string): void {
  tell ??= startWatchdog()
  tell(`+${kind} ${what}`)
}

export function unguard(kind: Kind, what: number | string): void {
  tell?.(`-${kind} ${what}`)
}

function startWatchdog(): (line: string) => void {
  const path = fileURLToPath(new URL('./watchdog.mjs', import.meta.url))
  // Detached: a Ctrl-C for the group must not take the watchdog first.
  const child = spawn(process.execPath, [path], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  child.unref()
  if (child.stdin instanceof Socket) child.stdin.unref()
  return (line) => child.stdin.write(`${line}\n`)
}
