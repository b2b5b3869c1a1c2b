// Actions that an assistant proposes: a file for each, readable by this user only, until a person approves or drops it,
// or a day has passed.
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { codeOf, isObject } from '../connection/files.ts'
import { at, textAt } from '../connection/read.ts'
import { Failure } from '../failure.ts'
import type { Streams } from '../terminal/streams.ts'
import type { ToolCall } from './tools.ts'

export interface Proposal extends ToolCall {
  readonly id: string
  /** The URL of its control plane. */
  readonly url: string
  /** ISO 8601. */
  readonly at: string
  readonly summary: string
  /** The assistant's words. */
  readonly why: string
  /** The name that the assistant's program reports. */
  readonly by: string
}

const MOST = 100
const KEPT_MS = 24 * 60 * 60 * 1000
const ID = /^prp_[0-9a-f]{16}$/

export class Proposals {
  readonly #folder: string
  /** Serialised, so that the limit also holds for simultaneous ones. */
  #adding: Promise<unknown> = Promise.resolve()

  constructor({ env }: Pick<Streams, 'env'>) {
    this.#folder = join(env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state'), 'millpond', 'proposals')
  }

  /** @throws Failure if too many are waiting, or the folder cannot be written */
  add(proposal: Omit<Proposal, 'id' | 'at'>): Promise<Proposal> {
    const added = this.#adding.then(() => this.#add(proposal))
    this.#adding = added.catch(() => undefined)
    return added
  }

  async #add(proposal: Omit<Proposal, 'id' | 'at'>): Promise<Proposal> {
    if ((await this.#names()).length >= MOST && (await this.list()).length >= MOST)
      throw new Failure('conflict', `${MOST} proposals are waiting: a person has to approve or drop some`)
    const kept: Proposal = { id: `prp_${randomBytes(8).toString('hex')}`, at: new Date().toISOString(), ...proposal }
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
      await writeFile(this.#fileOf(kept.id), `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
    } catch (error) {
      throw new Failure('unexpected', `${this.#folder} cannot be written (${codeOf(error)})`)
    }
    return kept
  }

  /** Oldest first; those older than a day are deleted. */
  async list(): Promise<readonly Proposal[]> {
    const found: Proposal[] = []
    for (const name of await this.#names()) {
      const id = name.replace(/\.json$/, '')
      const one = ID.test(id) ? await this.#read(id) : undefined
      if (one === undefined) continue
      if (Date.now() - Date.parse(one.at) > KEPT_MS) await this.drop(id)
      else found.push(one)
    }
    return found.sort((a, b) => a.at.localeCompare(b.at) || a.id.localeCompare(b.id))
  }

  /** @throws Failure if there is none */
  async get(id: string): Promise<Proposal> {
    const found = (await this.list()).find((one) => one.id === id)
    if (found === undefined)
      throw new Failure(
        'notFound',
        `no proposal ${JSON.stringify(id)} is waiting: "millpond proposals list" shows those that are`,
      )
    return found
  }

  async drop(id: string): Promise<void> {
    await rm(this.#fileOf(id), { force: true })
  }

  async #names(): Promise<readonly string[]> {
    return await readdir(this.#folder).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return []
      throw new Failure('unexpected', `${this.#folder} cannot be read (${codeOf(error)})`)
    })
  }

  #fileOf(id: string): string {
    return join(this.#folder, `${id}.json`)
  }

  /** Undefined: deleted meanwhile, or not written by this program. */
  async #read(id: string): Promise<Proposal | undefined> {
    const text = await readFile(this.#fileOf(id), 'utf8').catch(() => '')
    let held: unknown
    try {
      held = JSON.parse(text)
    } catch {
      return undefined
    }
    const [url, time, method, path] = ['url', 'at', 'method', 'path'].map((name) => textAt(held, name))
    if (!url || !time || !method || !path || !isBelow(url, path) || Number.isNaN(Date.parse(time))) return undefined
    const query = Object.entries(isObject(at(held, 'query')) ? (at(held, 'query') as object) : {}).map(
      ([name, value]) => [name, String(value)],
    )
    return {
      id,
      url,
      at: time,
      method,
      path,
      query: Object.fromEntries(query),
      body: at(held, 'body'),
      summary: textAt(held, 'summary'),
      why: textAt(held, 'why'),
      by: textAt(held, 'by'),
    }
  }
}

/** A path that leads elsewhere would send the approver's token there. */
function isBelow(url: string, path: string): boolean {
  return URL.canParse(path, url) && new URL(path, url).href.startsWith(new URL(url).href)
}
