// A witness beside a tier: a log of hashes of what was stored and what was returned, from which anyone can verify later
// that the two match.
import type { KeyObject } from 'node:crypto'
import { check, checkedElsewhere, checkOptions, fn, required, type Shape, text, whole } from '../../core/checks.ts'
import type { Change, CommitItem, LedgerStore, Stored, Tier } from '../../core/contracts.ts'
import { MillpondError, reasonOf, show } from '../../core/errors.ts'
import { Chain, type Checkpoint, digestOf } from './chain.ts'
import { keyFrom } from './signing-key.ts'

export type { Checkpoint } from './chain.ts'
export {
  type VerifyWitnessOptions,
  verifyWitness,
  type WitnessedLog,
  type WitnessReport,
  type WitnessSuspicion,
} from './verify.ts'

export interface WitnessOptions {
  /** A folder for the logs, one file for each start of a process; created if it does not exist. */
  readonly path: string
  /**
   * Signs checkpoints: an Ed25519 private key, as a KeyObject or PEM. Without it a checkpoint is only as trustworthy as
   * the place where you store it.
   */
  readonly signingKey?: KeyObject | string | undefined
  /** Lines between two checkpoints. Default 1,000; `close` writes one too. */
  readonly checkpointEvery?: number | undefined
  /** The fraction of returned values that is logged, from 0 to 1. Default 1. Stored values are always logged. */
  readonly reads?: number | undefined
  /** Called with each checkpoint: store it where writers of the log cannot write. */
  readonly onCheckpoint?: ((checkpoint: Checkpoint) => void) | undefined
  /**
   * Called when the log cannot be written (a full disk): the tier continues, unwitnessed. Called once until it works
   * again.
   */
  readonly onWarning?: ((error: unknown) => void) | undefined
}

const OPTIONS: Shape<WitnessOptions> = {
  path: required(text),
  signingKey: checkedElsewhere,
  checkpointEvery: whole(1),
  reads: check(
    (value): value is number => typeof value === 'number' && value >= 0 && value <= 1,
    'a number from 0 to 1',
  ),
  onCheckpoint: fn('a function that stores a checkpoint'),
  onWarning: fn('a function that receives a failure'),
}

/**
 * Adds a witness to a tier. Writes are logged before they are passed to the tier, so that a kill leaves no bytes
 * without a line; reads are logged when the tier has answered. `verifyWitness` checks the logs of all processes that
 * write to the tier.
 * @throws MillpondError `OPTION_INVALID`, also if the folder cannot be written.
 * @example
 * const cache = createCache({ tiers: [memory(), witnessed(redis({ url }), { path: '/var/log/app/witness' })] })
 */
export function witnessed<T extends Tier>(tier: T, options: WitnessOptions): T {
  checkOptions<WitnessOptions>(options, OPTIONS, 'witnessed')
  if (typeof tier !== 'object' || tier === null || !('read' in tier))
    throw new MillpondError('OPTION_INVALID', `witnessed: ${show(tier)} is not a tier: give one such as redis({ url })`)
  const { reads = 1 } = options
  const chain = open(tier, options)
  let isWarned = false
  const log = (told: () => Parameters<Chain['add']>[0]): void => {
    try {
      chain.add(told())
      isWarned = false
    } catch (error) {
      if (!isWarned) options.onWarning?.(error)
      isWarned = true
    }
  }
  const stored = (items: readonly { readonly key: string; readonly body: Uint8Array }[]): void =>
    log(() => items.map(({ key, body }) => ({ t: 'stored', k: digestOf(key), d: digestOf(body) })))
  const returned = (keys: readonly string[], answers: readonly (Stored | undefined)[]): void =>
    log(() =>
      answers.flatMap((answer, at) =>
        answer === undefined || (reads < 1 && Math.random() >= reads)
          ? []
          : [{ t: 'returned' as const, k: digestOf(keys[at] ?? ''), d: digestOf(answer.body) }],
      ),
    )
  const own: Pick<Tier, 'read' | 'write' | 'close'> & { readonly ledger?: LedgerStore } = {
    async read(keys, call) {
      const answers = await tier.read(keys, call)
      returned(keys, answers)
      return answers
    },
    write(items, call) {
      stored(items)
      return tier.write(items, call)
    },
    async close() {
      await tier.close()
      try {
        chain.close()
      } catch (error) {
        options.onWarning?.(error)
      }
    },
    ...(tier.ledger !== undefined && { ledger: witnessedLedger(tier.ledger, stored) }),
  }
  return over(tier, own)
}

/** Logs the writes that the ledger's steps carry. */
function witnessedLedger(
  ledger: LedgerStore,
  stored: (items: readonly { readonly key: string; readonly body: Uint8Array }[]) => void,
): LedgerStore {
  return over(ledger, {
    advance: (namespace: string, change: Change) => {
      stored(change.write)
      return ledger.advance(namespace, change)
    },
    commit: (namespace: string, items: readonly CommitItem[]) => {
      stored(items)
      return ledger.commit(namespace, items)
    },
  })
}

/** The object with some members replaced; its methods keep their own `this`, which may have private fields. */
function over<T extends object>(its: T, own: object): T {
  return new Proxy(its, {
    get(target, name) {
      const value: unknown = Object.hasOwn(own, name) ? Reflect.get(own, name) : Reflect.get(target, name, target)
      return typeof value === 'function' && !Object.hasOwn(own, name) ? value.bind(target) : value
    },
  })
}

function open(tier: Tier, { path, signingKey, checkpointEvery = 1000, onCheckpoint }: WitnessOptions): Chain {
  const key = signingKey === undefined ? undefined : keyFrom(signingKey, 'witnessed.signingKey', 'private')
  try {
    return new Chain({ folder: path, tier: tier.name, every: checkpointEvery, key, onCheckpoint })
  } catch (cause) {
    throw new MillpondError(
      'OPTION_INVALID',
      `witnessed: the log in ${show(path)} cannot be started: ${reasonOf(cause)}`,
      { cause },
    )
  }
}
