// A running ring: its nodes, their copies, hints for those that are down, and moves when nodes join or leave.
import type { LedgerStore, Refusal, Stored, TierItem, TierMember, TierStep, TierUsage } from '../../core/contracts.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { apartLedger } from '../apart-ledger.ts'
import { examineAll, unfit, usageOf } from './abilities.ts'
import { Copies } from './copies.ts'
import type { DistributedCounts } from './counts.ts'
import { Hints } from './hints.ts'
import { FORMER_MS, Members } from './members.ts'
import { type NodeParts, RingNode } from './node.ts'
import { checkWeight, type DistributedNode, type DistributedSettings, memberOf } from './options.ts'
import { Epochs } from './positions.ts'
import { type MoveReport, Walk } from './walk.ts'

/** A node as this process sees it. */
export type DistributedMember = TierMember

export class Ring {
  readonly ledger: LedgerStore
  readonly counts: DistributedCounts = { unreachable: 0, unstored: 0, failedOver: 0, repaired: 0, handedOver: 0 }
  readonly #settings: DistributedSettings
  readonly #nodeParts: NodeParts
  readonly #members: Members
  readonly #hints: Hints<RingNode>
  readonly #epochs = new Epochs()
  readonly #copies: Copies
  /** Nodes whose lost hints have already been reported. */
  readonly #lossTold = new Set<RingNode>()
  #walk: { readonly walk: Walk; readonly done: Promise<MoveReport> } | undefined
  #cancelRelease = (): void => {}
  #isClosed = false

  constructor(settings: DistributedSettings) {
    const { members, copies, clock, timeoutMs, breaker, warn } = settings
    this.#settings = settings
    this.#nodeParts = {
      timeoutMs,
      breaker,
      clock,
      onDown: ({ name }, cause) =>
        warn({
          kind: 'down',
          node: name,
          message: `the node ${show(name)} does not answer: other copies are read, and it will be retried`,
          cause,
        }),
      onUp: (node) => this.#welcome(node),
    }
    const nodes = members.map((member) => new RingNode(member, this.#nodeParts))
    this.#members = new Members(nodes, copies, () => clock.monotonic())
    this.#hints = new Hints(settings.hints, (node) => this.#noteLoss(node))
    this.#copies = new Copies({
      members: this.#members,
      hints: this.#hints,
      epochs: this.#epochs,
      counts: this.counts,
      now: () => clock.now(),
    })
    this.ledger = apartLedger(settings.ledger, this.#copies, this.#epochs)
  }

  async read(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    this.#mustBeOpen('read')
    return this.#copies.read(keys)
  }

  async write(items: readonly TierItem[]): Promise<(Refusal | undefined)[]> {
    this.#mustBeOpen('write')
    return this.#copies.write(items)
  }

  async drop(keys: readonly string[]): Promise<number> {
    this.#mustBeOpen('drop')
    return this.#copies.drop(keys)
  }

  async clear(prefix: string): Promise<number> {
    this.#mustBeOpen('clear')
    return this.#copies.clear(prefix)
  }

  /** Node by node: a key is yielded once per copy. */
  async *scan(prefix: string): AsyncGenerator<readonly string[]> {
    this.#mustBeOpen('scan')
    for (const { tier } of this.#members.all) yield* tier.scan?.(prefix) ?? []
  }

  async usage(): Promise<TierUsage> {
    this.#mustBeOpen('usage')
    return usageOf(this.#members.nodes, this.#members.copies)
  }

  async scrub(): Promise<void> {
    this.#mustBeOpen('scrub')
    await Promise.all(this.#members.all.map(({ tier }) => tier.scrub?.()))
  }

  examine(): Promise<readonly TierStep[]> {
    return examineAll([...this.#members.nodes, { name: 'ledger', tier: this.#settings.ledgerTier }])
  }

  members(): readonly DistributedMember[] {
    return this.#members.nodes.map((node) => ({
      name: node.name,
      weight: node.weight,
      state: node.isUp ? (node.isDoubted ? 'doubted' : 'up') : 'away',
      hints: this.#hints.countOf(node),
      ...node.counts,
    }))
  }

  ownersOf(key: string): readonly string[] {
    return this.#members.owners(key).map(({ name }) => name)
  }

  add(given: DistributedNode): Promise<MoveReport> {
    this.#mustBeOpen('add')
    const { nodes } = this.#members
    // A node that is being removed is added again.
    const leaving = given?.name === undefined ? undefined : this.#members.leaving(given.name)
    const member = memberOf(
      given,
      'add',
      this.#members.all.filter((node) => node !== leaving),
    )
    const why = unfit(
      member.tier,
      nodes.map(({ tier }) => tier),
    )
    if (why !== undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        `distributed.add: the node ${show(member.name)} ${why}: create a new ring with it`,
      )
    const isSame = leaving?.tier === member.tier
    const node = isSame && leaving !== undefined ? leaving : new RingNode(member, this.#nodeParts)
    node.weight = member.weight
    this.#members.change([...nodes, node])
    if (leaving !== undefined && !isSame) void leaving.close().catch(() => {}) // it is no longer read
    return this.move(false)
  }

  remove(name: string): Promise<MoveReport> {
    this.#mustBeOpen('remove')
    const node = this.#named(name)
    const { nodes, copies } = this.#members
    if (nodes.length <= copies)
      throw new MillpondError(
        'OPTION_INVALID',
        `distributed.remove: ${nodes.length - 1} nodes would be left for ${copies} copies of each entry: add another node first`,
      )
    this.#members.change(nodes.filter((one) => one !== node))
    this.#hints.forgetNode(node)
    return this.move(false)
  }

  reweigh(name: string, weight: number): Promise<MoveReport> {
    this.#mustBeOpen('reweigh')
    this.#named(name).weight = checkWeight(weight)
    this.#members.change(this.#members.nodes)
    return this.move(false)
  }

  /** One walk at a time: a new one starts when the ring changes, and includes what the former has left. */
  move(isWhole: boolean): Promise<MoveReport> {
    this.#mustBeOpen('repair')
    const before = this.#walk
    before?.walk.end()
    const { ledger, clock, movePerSecond: perSecond } = this.#settings
    const walk = new Walk({ members: this.#members, epochs: this.#epochs, ledger, clock, perSecond }, isWhole)
    const done = this.#run(walk, isWhole, before?.done)
    this.#walk = { walk, done }
    return done
  }

  async #run(walk: Walk, isWhole: boolean, before: Promise<MoveReport> | undefined): Promise<MoveReport> {
    // Its outcome was reported to its own caller.
    await before?.catch(() => {})
    const began = this.#settings.clock.monotonic()
    const report = await walk.run()
    if (report.outcome === 'done') {
      this.#members.settled()
      if (isWhole) for (const node of this.#members.nodes) node.trust(began)
      await this.#release()
    } else if (report.outcome !== 'ended') {
      // Another process is moving, or something could not be reached: keys are looked up at their former owners for
      // some time longer.
      this.#cancelRelease()
      this.#cancelRelease = this.#settings.clock.after(FORMER_MS, () => void this.#release().catch(() => {}))
    }
    return report
  }

  async #release(): Promise<void> {
    this.#cancelRelease()
    await Promise.all(this.#members.released().map((node) => node.close()))
  }

  #named(name: string): RingNode {
    const node = this.#members.nodes.find((one) => one.name === name)
    if (node !== undefined) return node
    const names = this.#members.nodes.map((one) => one.name).join(', ')
    throw new MillpondError('OPTION_INVALID', `distributed: ${show(name)} is not a node: the nodes are ${names}`)
  }

  #welcome(node: RingNode): void {
    this.#lossTold.delete(node)
    this.#settings.warn({ kind: 'up', node: node.name, message: `the node ${show(node.name)} answers again` })
    this.#copies.answered(node)
  }

  #noteLoss(node: RingNode): void {
    node.counts.hintsDropped++
    if (this.#lossTold.has(node)) return
    this.#lossTold.add(node)
    const message = `more was written for the node ${show(node.name)} than is held while it is away: reads or repair() restore what it misses`
    this.#settings.warn({ kind: 'hints', node: node.name, message })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelRelease()
    this.#walk?.walk.end()
    await this.#walk?.done.catch(() => {}) // told to who asked for it
    await Promise.all([...this.#members.all.map((node) => node.close()), this.#settings.ledgerTier.close()])
  }

  #mustBeOpen(what: string): void {
    if (this.#isClosed) throw new MillpondError('CLOSED', `distributed: ${what}: the tier is closed`)
  }
}
