// A process's own folder within a journal: claimed with a heartbeat; the folders of dead processes are taken over, each
// by one heir.
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { MillpondError, show } from '../../core/errors.ts'
import type { JournalFiles } from './files.ts'
import { isAlive, parseOwner, thisOwner } from './owner.ts'

const FORMAT = 1
const SHEET = 'journal.json'
const OWNER = 'owner.json'
const TAKEN = '.from.'

export interface Claim {
  readonly folder: string
  /** The heartbeat; `false` if another process has taken the folder. */
  beat(): boolean
  /**
   * Takes over the folder of one dead owner; undefined if there is none. The caller removes it once its records are
   * safe elsewhere.
   */
  takeOver(): string | undefined
  /** Leaves the folder's contents to the next heir, or nothing if `isEmpty`. */
  release(isEmpty: boolean): void
}

/**
 * @param journal the journal's folder; created with its parents
 * @param owner what the journal's records belong to: two kinds of records in one folder would be taken over by each
 * other
 * @throws MillpondError `SCHEMA_NEWER` for a journal of a later format, `OPTION_INVALID` for a folder with other
 * contents.
 */
export function claim(journal: string, owner: string, files: JournalFiles): Claim {
  files.makeFolder(journal)
  checkSheet(journal, owner, files)
  const name = `${process.pid}-${randomBytes(6).toString('hex')}`
  const folder = join(journal, name)
  // Renamed only once its owner is in it: a folder without an owner may be taken by anyone.
  const draft = join(journal, `.${name}`)
  files.makeFolder(draft)
  files.put(join(draft, OWNER), JSON.stringify(thisOwner()))
  files.syncFolder(draft)
  files.rename(draft, folder)
  files.syncFolder(journal)
  return {
    folder,
    beat: () => files.touch(join(folder, OWNER)),
    takeOver() {
      for (const other of files.list(journal)) {
        if (other.startsWith(name + TAKEN)) return join(journal, other)
        if (other === SHEET || other === name || other.startsWith('.') || !isDead(journal, other, files)) continue
        const taken = join(journal, `${name}${TAKEN}${other.split(TAKEN).at(-1)}`)
        if (files.rename(join(journal, other), taken)) return taken
      }
      return undefined
    },
    release(isEmpty) {
      if (isEmpty) files.remove(folder)
      else files.remove(join(folder, OWNER))
    },
  }
}

/**
 * A folder that was being taken over belongs to its heir, which the name contains. One without an owner was left on
 * purpose.
 */
function isDead(journal: string, name: string, files: JournalFiles): boolean {
  const sheet = join(journal, name.split(TAKEN)[0] ?? name, OWNER)
  const owner = parseOwner(files.read(sheet))
  return owner === undefined || !isAlive(owner, files.age(sheet))
}

function checkSheet(journal: string, owner: string, files: JournalFiles): void {
  const path = join(journal, SHEET)
  const bytes = files.read(path)
  if (bytes === undefined) {
    const others = files.list(journal).filter((name) => !name.startsWith('.'))
    if (others.length > 0) {
      throw new MillpondError(
        'OPTION_INVALID',
        `journal: ${show(journal)} contains ${show(others[0])} and is not a journal: name a separate folder, which is created if it does not exist`,
      )
    }
    files.put(path, JSON.stringify({ format: FORMAT, owner }))
    // Before any folder exists: without it, a folder is not recognised as a journal.
    files.syncFolder(journal)
    files.syncFolder(dirname(journal))
    return
  }
  const { format, owner: other } = sheetOf(bytes)
  if (format === FORMAT && other === owner) return
  if (format === FORMAT)
    throw new MillpondError(
      'OPTION_INVALID',
      `journal: ${show(journal)} belongs to ${show(other)}, not to ${show(owner)}: name a separate folder`,
    )
  if (format !== undefined && format > FORMAT)
    throw new MillpondError(
      'SCHEMA_NEWER',
      `journal: ${show(journal)} has format ${format}, but this version supports only format ${FORMAT}: update millpond`,
    )
  throw new MillpondError('OPTION_INVALID', `journal: ${show(path)} does not belong to a journal: name another folder`)
}

function sheetOf(bytes: Buffer): { readonly format?: number; readonly owner?: unknown } {
  try {
    const { format, owner }: { format?: unknown; owner?: unknown } = JSON.parse(bytes.toString())
    return typeof format === 'number' ? { format, owner } : {}
  } catch {
    return {}
  }
}
