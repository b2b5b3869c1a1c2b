// One namespace of a region: how it follows each of the others, and how new their entries are here.
import type { Advanced, Change, LedgerStore, Snapshot, Stored, Tail, TierItem } from '../../core/contracts.ts'
import type { Position } from '../../core/ledger.ts'
import { type Relay, relayOf, unheardOf } from '../../core/relay.ts'
import { Deadlines } from '../../wrap/deadlines.ts'
import { storageName } from '../../wrap/storage-name.ts'
import { cursorKey, pairFor, readCursor } from './cursor.ts'
import type { RegionEntries } from './entries.ts'
import { Follower } from './follower.ts'
import { History } from './history.ts'
import { beatOf, type EdgeSettings } from './options.ts'
import { readState, STATE_KEY } from './region-state.ts'

/** How long an answer of the own ledger is accepted, including its way to a reader. */
const MARGIN_MS = 1000
/** Maximum keys fetched after one round of lines. */
const MAX_FETCHED = 200
/** Lines of third regions that are remembered, so that none is applied once per path on which it arrives. */
const MAX_RELAYED = 10_000

export interface EdgeSpaceParts extends EdgeSettings {
  readonly namespace: string
  /** The own ledger, combined with the region's entries. */
  readonly local: LedgerStore
  readonly entries: RegionEntries
  /** The entries of another region. */
  readonly entriesOf: (region: string) => RegionEntries | undefined
}

export class EdgeSpace {
  readonly followers: readonly Follower[]
  readonly #parts: EdgeSpaceParts
  readonly #history: History
  readonly #deadlines: Deadlines
  readonly #relayed = new Set<string>()
  /** The last position of the own ledger, and when it was requested. */
  #last: { readonly position: Position; readonly monotonic: number; readonly wall: number } | undefined

  constructor(parts: EdgeSpaceParts) {
    const { namespace, own, others, clock, lagMs, warn } = parts
    this.#parts = parts
    this.#history = new History(namespace)
    this.#deadlines = new Deadlines(clock)
    this.followers = others.map(
      (peer) =>
        new Follower({
          ...{ namespace, own, peer, clock, warn },
          local: { pull: (name, from) => parts.local.pull(name, from), advance: (_, change) => this.advance(change) },
          gateMs: lagMs - MARGIN_MS,
          beatMs: beatOf(lagMs),
          knows: (relay) => this.#knows(relay),
          onWritten: (keys) => void this.#fetch(peer.name, keys),
        }),
    )
  }

  async pull(from: Position | undefined): Promise<Snapshot | Tail> {
    await Promise.all(this.followers.map((follower) => follower.ready()))
    const { local, namespace, clock } = this.#parts
    const asked = { monotonic: clock.monotonic(), wall: clock.now() }
    const answer = await local.pull(namespace, from)
    this.#note(answer, asked)
    return answer
  }

  /**
   * Called before the own ledger is asked whether the namespace is still at the position: undefined if another region
   * has to be heard first, which `pull` does. The returned function is called if the namespace is still there.
   */
  confirming(position: Position): (() => void) | undefined {
    // Each follower notes the use.
    if (this.followers.map((follower) => follower.isReady()).includes(false)) return undefined
    const { clock } = this.#parts
    const asked = { monotonic: clock.monotonic(), wall: clock.now() }
    return () => {
      const last = this.#last
      if (
        last?.position.epoch !== position.epoch ||
        last.position.seq !== position.seq ||
        last.monotonic > asked.monotonic
      )
        return
      this.#last = { position, ...asked }
    }
  }

  async advance(change: Change): Promise<Advanced> {
    const { local, namespace } = this.#parts
    const advanced = await local.advance(namespace, change)
    const { epoch, seq } = advanced.position
    this.#history.note(epoch, { seq, targets: change.targets, id: change.id })
    this.#noteRelay(change.id)
    return advanced
  }

  /**
   * Another region's entries of the keys, each as of the number at which it is valid here; entries that cannot be
   * placed are left out.
   */
  async borrow(
    region: string,
    keys: readonly string[],
    state: 'where it serves' | 'whatever it says' = 'where it serves',
  ): Promise<(Stored | undefined)[]> {
    const { own, namespace, others, entriesOf, originMs } = this.#parts
    const peer = others.find(({ name }) => name === region)
    const entries = entriesOf(region)
    if (peer === undefined || entries === undefined) return keys.map(() => undefined)
    const record = peer.ledgerTier.read([cursorKey(namespace, own.name), STATE_KEY])
    const [[kept, stands], found] = await Promise.all([
      this.#deadlines.hold(record, originMs, () => `edge: the ledger of ${region}`),
      entries.read(keys),
    ])
    const cursor = readCursor(kept)
    if (state === 'where it serves' && readState(stands) !== 'serving') return keys.map(() => undefined)
    if (kept === undefined || cursor === undefined || cursor.at.epoch !== this.#last?.position.epoch)
      return keys.map(() => undefined)
    return found.map((stored, at) => {
      if (stored === undefined || stored.asOf.epoch !== kept.asOf.epoch) return undefined
      const seq = pairFor(cursor, stored.asOf.seq)
      if (seq === undefined) return undefined
      return {
        ...stored,
        asOf: this.#history.carry(keys[at] ?? '', { epoch: cursor.at.epoch, seq }, region, stored.asOf),
      }
    })
  }

  /** Stores borrowed entries here. Those that cannot be stored count as evicted. */
  async keep(keys: readonly string[], borrowed: readonly (Stored | undefined)[]): Promise<void> {
    await this.store(keys, borrowed).catch(() => {})
  }

  /**
   * Like `keep`, and returns which of them were stored.
   * @throws MillpondError `TIER_FAILED` if none of the region's tiers stores them.
   */
  async store(keys: readonly string[], borrowed: readonly (Stored | undefined)[]): Promise<readonly boolean[]> {
    const byRegion = new Map<string, { readonly items: TierItem[]; readonly places: number[] }>()
    for (const [at, key] of keys.entries()) {
      const stored = borrowed[at]
      if (stored === undefined) continue
      const { region = '', ...rest } = stored
      const made = byRegion.get(region) ?? { items: [], places: [] }
      made.items.push({ key, ...rest })
      made.places.push(at)
      byRegion.set(region, made)
    }
    const { entries, own } = this.#parts
    const isStored = keys.map(() => false)
    await Promise.all(
      [...byRegion].map(async ([region, { items, places }]) => {
        const refusals = await entries.write(items, region === own.name ? '' : region)
        for (const [index, at] of places.entries()) isStored[at] = refusals[index] === undefined
      }),
    )
    return isStored
  }

  /** The current position of the own ledger. */
  async position(): Promise<Position> {
    const { local, namespace } = this.#parts
    return (await local.pull(namespace, this.#last?.position)).position
  }

  get namespace(): string {
    return this.#parts.namespace
  }

  close(): void {
    for (const follower of this.followers) follower.close()
  }

  async #fetch(region: string, targets: readonly string[]): Promise<void> {
    const { replicate, namespace } = this.#parts
    if (!replicate) return
    const keys = [...new Set(targets)].slice(-MAX_FETCHED).map((key) => storageName(namespace, key))
    try {
      await this.keep(keys, await this.borrow(region, keys))
    } catch {
      // They are fetched on a miss.
    }
  }

  #knows(relay: Relay): boolean {
    const cursor = this.followers.find(({ region }) => region === relay.region)?.cursor
    return (cursor?.at.epoch === relay.epoch && cursor.at.seq >= relay.seq) || this.#relayed.has(nameOf(relay))
  }

  #noteRelay(id: string): void {
    const relay = relayOf(id)
    if (relay === undefined) return
    this.#relayed.add(nameOf(relay))
    for (const oldest of this.#relayed) {
      if (this.#relayed.size <= MAX_RELAYED) break
      this.#relayed.delete(oldest)
    }
  }

  #note(
    { kind, position, lines }: Snapshot | Tail,
    asked: { readonly monotonic: number; readonly wall: number },
  ): void {
    const before = this.#last
    const isAhead =
      before === undefined || before.position.epoch !== position.epoch || before.position.seq <= position.seq
    if (kind === 'tail') {
      for (const line of lines) {
        this.#history.note(position.epoch, line)
        this.#noteRelay(line.id)
        // It was not in the previous answer, so it was made after that was requested.
        const unheard = unheardOf(line.id)
        if (unheard === undefined || before?.position.epoch !== position.epoch || line.seq <= before.position.seq)
          continue
        this.followers.find(({ region }) => region === unheard)?.noteTick(before)
      }
    }
    if (isAhead) this.#last = { position, ...asked }
  }
}

const nameOf = ({ region, epoch, seq }: Relay): string => `${region}.${epoch}.${seq}`
