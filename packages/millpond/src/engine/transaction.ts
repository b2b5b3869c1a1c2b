// A database transaction, with the caches invalidated before and after: the begin and the commit are part of the given
// work.
import { checkedElsewhere, checkOptions, type Shape } from '../core/checks.ts'
import type { Duration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { checkTags, encodeKey, encodeKeys, type Key } from '../core/key.ts'
import { type EntryOptions, resolvePolicy } from '../core/options.ts'
import { alsoWrite, beginWrite, endWrite, forgetWrite, holdMsOf, type SourceItem } from './source-write.ts'
import { checkOpen, type Space } from './space.ts'

/** The keys and tags that a transaction changes. */
export interface TransactionTargets {
  /** Keys of entries that the transaction changes. */
  readonly keys?: readonly Key[] | undefined
  /**
   * Tags of entries that the transaction changes without knowing their keys: lists, counts. Invalidated before and
   * after.
   */
  readonly tags?: Iterable<string> | undefined
}

/** Options of a transaction. */
export interface TransactionOptions extends TransactionTargets {
  /**
   * How long it may take. During this time possibly old values are not cached; if the process ends between the commit
   * and the invalidation, the keys and tags are invalidated when it expires. From 1 ms to an hour. Default `'10s'`.
   */
  readonly hold?: Duration | undefined
}

/** The argument of a transaction's work. */
export interface Transaction {
  /**
   * Adds targets found during the work. Await it before the commit.
   * @throws MillpondError `LEDGER_UNREACHABLE`: do not commit.
   */
  hold(targets: TransactionTargets): Promise<void>
  /**
   * A value to be cached when the work has resolved, if its key was not invalidated by others meanwhile and none of its
   * tags is among the transaction's own.
   * @throws MillpondError `OPTION_INVALID` for a key that the transaction does not name, `VALUE_UNSUPPORTED`.
   */
  set(key: Key, value: unknown, options?: EntryOptions): void
}

const TARGETS: Shape<TransactionTargets> = { keys: checkedElsewhere, tags: checkedElsewhere }
const OPTIONS: Shape<TransactionOptions> = { ...TARGETS, hold: checkedElsewhere }

export async function transact<T>(
  space: Space,
  options: TransactionOptions,
  work: (transaction: Transaction) => Promise<T> | T,
): Promise<T> {
  checkOpen(space)
  checkOptions<TransactionOptions>(options, OPTIONS, 'transaction')
  if (typeof work !== 'function')
    throw new MillpondError(
      'OPTION_INVALID',
      `transaction: ${show(work)} is not a function: give the work, which begins and commits the transaction`,
    )
  const holdMs = holdMsOf(options.hold, 'transaction: hold')
  const items = new Map<string, SourceItem>()
  let write = await beginWrite(space, keysOf(options), holdMs, tagsOf(options))
  let isOpen = true
  const checkUnderWay = (): void => {
    if (!isOpen) throw new MillpondError('CLOSED', 'the transaction is over: use hold and set only during its work')
  }
  const transaction: Transaction = {
    async hold(targets) {
      checkOptions<TransactionTargets>(targets, TARGETS, 'hold')
      checkUnderWay()
      write = await alsoWrite(space, write, keysOf(targets), holdMs, tagsOf(targets))
    },
    set(key, value, entry) {
      checkUnderWay()
      const encoded = encodeKey(key)
      if (!write.since.has(encoded))
        throw new MillpondError(
          'OPTION_INVALID',
          `transaction: set of ${show(key)}: the key is not held: name it in keys, or hold it before the commit`,
        )
      if (value === undefined)
        throw new MillpondError(
          'VALUE_UNSUPPORTED',
          `transaction: the value of ${show(key)} is undefined: leave it out, or give null`,
        )
      const policy = resolvePolicy(entry, space.settings.policy)
      items.set(encoded, { key: encoded, value: space.services.isolate(value, encoded).value, policy })
    },
  }
  let answer: T
  try {
    answer = await work(transaction)
  } catch (error) {
    isOpen = false
    // It is unknown whether it has committed. If the caches cannot be invalidated now, they are when the hold expires.
    await forgetWrite(space, write).catch(() => {})
    throw error
  }
  isOpen = false
  await endWrite(space, write, [...items.values()])
  return answer
}

const keysOf = ({ keys = [] }: TransactionTargets): string[] => encodeKeys(keys, 'transaction: keys')

function tagsOf({ tags }: TransactionTargets): readonly string[] {
  return tags === undefined ? [] : [...checkTags(tags)]
}
