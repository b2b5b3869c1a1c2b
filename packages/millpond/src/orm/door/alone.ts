// Statements that are sent one by one over connections that are not visible here: those of a pool, or a shared one.
import { MillpondError } from '../../core/errors.ts'
import type { Meaning } from '../statements/meaning.ts'
import type { Door, Form, Run, Sent } from './door.ts'
import { packed } from './lane.ts'
import type { QueryOptions } from './options.ts'

/**
 * Whether a `BEGIN` sent by hand applies to the statements after it depends on the client: nothing is cached until it
 * ends, what is written meanwhile is invalidated at once, and everything again when it commits. A statement that
 * changes what later ones mean does so on an unknown connection, so nothing is cached after it.
 */
export class Alone {
  readonly #door: Door
  /** Queries sent here may read what an open transaction has written. */
  readonly #isBeside: () => boolean
  /** Open savepoints, the outermost first. A transaction begun by hand is one without a name. */
  #open: readonly string[] = []
  /** How many transactions have begun. */
  #begun = 0
  #isChanged = false

  constructor(door: Door, isBeside: () => boolean = () => false) {
    this.#door = door
    this.#isBeside = isBeside
  }

  /**
   * A connection has been changed, also for its next user. The first time, `onError` is called.
   * @param by settings that were changed, if they are known.
   */
  change(by: Meaning['settings'] = new Map()): void {
    if (this.#isChanged) return
    this.#isChanged = true
    const what = by.size > 0 ? `set ${[...by.keys()].join(', ')}` : 'set a search path, a role or similar'
    this.#door.host.report(
      new MillpondError(
        'VALUE_UNSUPPORTED',
        `a statement has ${what} for the rest of its session, and this client does not show which queries share that session: none of them is answered from the cache from now on. Use "set local" in a transaction, or set it where connections are opened`,
      ),
    )
  }

  async send<R>(sent: Sent, wish: QueryOptions | undefined, run: Run<R>, form: Form<R>): Promise<R> {
    const statement = this.#door.read(sent.sql)
    const { kind, meaning } = statement
    if (meaning.isOther || meaning.settings.size > 0) this.change(meaning.settings)
    if (kind === 'begin' || kind === 'savepoint')
      return this.#begin(statement.name, () => this.#door.run(sent, undefined, run, form))
    if (kind === 'rollback' || kind === 'commit') this.#open = statement.opens ? [''] : []
    if (kind === 'release') this.#open = this.#open.slice(0, Math.max(0, this.#open.lastIndexOf(statement.name)))
    if (kind === 'commit' || kind === 'release') return this.#door.committed(undefined, statement).commit(run)
    if (kind !== 'read' || wish === undefined || this.#open.length > 0 || this.#isChanged)
      return this.#door.run(sent, undefined, run, form)
    let isKept = false
    const isPlain = (): boolean => this.#open.length === 0 && !this.#isChanged && !this.#isBeside()
    const load = async (): Promise<R> => {
      const begun = this.#begun
      const wasPlain = isPlain()
      const answer = await run()
      isKept = wasPlain && isPlain() && this.#begun === begun
      return answer
    }
    return this.#door.run(sent, wish, load, { ...form, pack: (answer) => (isKept ? packed(answer, form) : undefined) })
  }

  async #begin<R>(name: string, run: Run<R>): Promise<R> {
    const before = this.#open
    this.#open = [...before, name]
    this.#begun++
    try {
      return await run()
    } catch (error) {
      this.#open = before
      throw error
    }
  }
}
