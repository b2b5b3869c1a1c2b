// Whether a Redis server keeps what it has acknowledged: read from the server itself, at the start and periodically.
import { MillpondError, show } from '../../core/errors.ts'

export interface Demand {
  /** How much may be lost when the server dies, in milliseconds; 0: nothing. */
  readonly allowLossMs: number
  /** Its settings cannot be read, and its operator vouches for them. */
  readonly assumeDurable: boolean
}

/** `everysec` syncs once a second, up to a second late if the disk is busy. */
const EVERYSEC_MS = 2000
const NAMES = ['appendonly', 'appendfsync', 'maxmemory', 'maxmemory-policy'] as const

/**
 * The answers of `CONFIG GET`, by name.
 * @throws MillpondError `OPTION_INVALID` if the server does not keep what it acknowledges.
 */
export function checkDurable(settings: ReadonlyMap<string, string>, { allowLossMs, assumeDurable }: Demand): void {
  if (assumeDurable) return
  const missing = NAMES.filter((name) => !settings.has(name))
  if (missing.length > 0)
    throw refusal(
      `its settings ${missing.join(', ')} cannot be read`,
      'allow CONFIG GET, or use assumeDurable: true if you know them',
    )
  const [appendonly, fsync, maxmemory, policy] = NAMES.map((name) => settings.get(name) ?? '')
  if (appendonly !== 'yes')
    throw refusal(`appendonly is ${show(appendonly)}`, 'switch it on: appendonly yes, appendfsync always')
  if (fsync !== 'always' && !(fsync === 'everysec' && allowLossMs >= EVERYSEC_MS))
    throw refusal(
      `appendfsync is ${show(fsync)}`,
      fsync === 'everysec'
        ? `set it to always, or allow the loss of the latest acknowledged writes: allowLossMs: ${EVERYSEC_MS} or more`
        : 'set it to always',
    )
  if (maxmemory !== '0' && policy !== 'noeviction')
    throw refusal(
      `it may evict data (maxmemory ${maxmemory}, maxmemory-policy ${policy})`,
      'set maxmemory-policy to noeviction, or use a separate server',
    )
}

const refusal = (what: string, remedy: string): MillpondError =>
  new MillpondError(
    'OPTION_INVALID',
    `writeBehind.stream: the server does not reliably store what it acknowledges: ${what}: ${remedy}`,
  )

/** The answer of `CONFIG GET name name …`, as pairs or as an object. */
export function settingsFrom(answer: unknown): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  if (Array.isArray(answer))
    for (let at = 0; at + 1 < answer.length; at += 2) found.set(String(answer[at]), String(answer[at + 1]))
  return found
}

export const CONFIG_GET: readonly string[] = ['GET', ...NAMES]
