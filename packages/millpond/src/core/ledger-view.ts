// A process's copy of one namespace's ledger, and the rule that decides which entries are valid. Pure: no time, no I/O.
//
// An entry carries one number: the position when its load began. It is valid while its epoch is current, its number is
// not below the floor, and no target that concerns it has a higher number. Nothing here compares clocks, so clocks
// cannot make it wrong.
//
// A key target only matters to copies that its own step has not dropped, those in tiers beside the ledger's own, and to
// work that is under way. So when one is forgotten, for want of room, only a floor for such copies rises
// (`outerFloor`); what lies in memory and in the ledger's tier stays.
//
// Two numbers describe the copy. `last`: every line up to it has been applied. `head`: the highest position known to
// have been reached; it runs ahead of `last` when this process's own advance returned before the lines of others that
// came first were read. A load may start "as of" `head` (what happened before is in the source), but an entry may only
// be confirmed at `last` (lines between may still concern it).

import type { HiddenNames, Sealed } from './contracts.ts'
import { dependencyKey } from './dependency.ts'
import { type Line, type Position, stampOf, type Target } from './ledger.ts'

/** `stale`: may be returned where stale values are permitted. */
export type Judgement = 'valid' | 'stale' | 'invalid'

export interface ViewOptions {
  /** How many key and tag targets of each mode are kept before the floor is raised. Default 100,000. */
  readonly maxTargets?: number
  /** Compiles a pattern target to a linear-time test over keys. */
  readonly compile: (pattern: string) => (key: string) => boolean
  /** The names of keys and tags in lines; undefined if they are unchanged. */
  readonly names?: () => HiddenNames | undefined
}

/** The target that invalidated an entry. `clear` also stands for targets that were pruned by raising the floor. */
export interface Blame {
  readonly kind: 'key' | 'tag' | 'pattern' | 'clear'
  readonly name: string
  /** 0 for what was invalidated in another namespace. */
  readonly seq: number
}

interface Named {
  readonly key: string
  readonly tags: readonly string[]
}

interface PatternTarget {
  readonly pattern: string
  readonly seq: number
  readonly expires: boolean
  readonly matches: (key: string) => boolean
}

/** More patterns than this become a floor: everything older is invalid. */
export const MAX_PATTERNS = 64

export class LedgerView {
  #epoch: string | undefined
  readonly #firstEpoch: () => string
  last = 0
  head = 0
  floor = 0
  outerFloor = 0
  readonly #keys = new Map<string, number>()
  readonly #tags = new Map<string, number>()
  readonly #staleKeys = new Map<string, number>()
  readonly #staleTags = new Map<string, number>()
  /** The stamps of the last steps on keys, if these were writes of encrypted entries. */
  readonly #stamps = new Map<string, string>()
  #patterns: PatternTarget[] = []
  #staleFloor = 0
  readonly #maxTargets: number
  readonly #compile: ViewOptions['compile']
  readonly #names: () => HiddenNames | undefined
  /** Judges tags that name entries of other namespaces; undefined if there are none. */
  foreign:
    | {
        judge(tags: readonly string[], isForReader?: boolean): Judgement | 'unheard'
        blame(tags: readonly string[]): Blame | undefined
      }
    | undefined

  /** `firstEpoch` is asked once, when the first entry or question needs it. */
  constructor(firstEpoch: () => string, options: ViewOptions) {
    this.#firstEpoch = firstEpoch
    this.#maxTargets = options.maxTargets ?? 100_000
    this.#compile = options.compile
    this.#names = options.names ?? (() => undefined)
  }

  get epoch(): string {
    this.#epoch ??= this.#firstEpoch()
    return this.#epoch
  }

  get position(): Position {
    return { epoch: this.epoch, seq: this.head }
  }

  /** Forgets everything and starts from a snapshot's position; the caller applies its lines. */
  restart(position: Position, floor: number, outerFloor: number): void {
    this.#epoch = position.epoch
    this.last = position.seq
    this.head = position.seq
    this.floor = floor
    this.outerFloor = outerFloor
    this.#staleFloor = 0
    for (const targets of [this.#keys, this.#tags, this.#staleKeys, this.#staleTags, this.#stamps]) targets.clear()
    this.#patterns = []
  }

  /** Records a line's targets. Lines may come early (own advances) and twice; both are harmless. */
  apply(line: Line): void {
    const stamp = stampOf(line.id)
    for (const target of line.targets) this.#record(target, line.seq, line.mode === 'expire', stamp)
    if (line.seq > this.head) this.head = line.seq
    if (line.seq === this.last + 1) this.last = line.seq
  }

  /** All lines up to `seq` have been applied, and the floors are at least these. */
  reach(seq: number, floor: number, outerFloor: number): void {
    if (seq > this.last) this.last = seq
    if (seq > this.head) this.head = seq
    if (floor > this.floor) this.floor = floor
    if (outerFloor > this.outerFloor) this.outerFloor = outerFloor
  }

  /** Whether an entry of this key, with these tags, loaded as of `seq`, may be accepted. */
  judge(key: string, tags: readonly string[], seq: number): Judgement {
    const foreign = this.foreign === undefined ? 'valid' : this.foreign.judge(tags)
    return this.#judge(key, tags, seq, foreign === 'unheard' ? 'invalid' : foreign)
  }

  /**
   * Whether it may be stored. As `judge`, but that another namespace has to be asked first is no objection: readers of
   * the entry ask. Otherwise a value that was just made would be made again.
   */
  judgeToKeep(key: string, tags: readonly string[], seq: number, epoch = this.epoch): Judgement {
    if (epoch !== this.epoch) return 'invalid'
    const foreign = this.foreign === undefined ? 'valid' : this.foreign.judge(tags, false)
    return this.#judge(key, tags, seq, foreign === 'unheard' ? 'valid' : foreign)
  }

  #judge(key: string, tags: readonly string[], seq: number, foreign: Judgement): Judgement {
    if (foreign === 'invalid') return 'invalid'
    if (seq >= this.head) return foreign
    const names = this.#names()
    return names === undefined
      ? this.#judgeNamed(key, tags, seq, foreign)
      : this.#judgeNamed(names.key(key), hide(names, tags), seq, foreign)
  }

  #judgeNamed(key: string, tags: readonly string[], seq: number, foreign: Judgement): Judgement {
    if (this.#concerning(key, tags) > seq) return 'invalid'
    return this.#staleConcerning(key, tags) > seq ? 'stale' : foreign
  }

  /**
   * Whether something computed from an entry may be accepted, as far as the entry is concerned. By the names used in
   * lines. Among the tags is that of its dependents, which each step on the key moves: no key target has to be
   * remembered for this, however old the entry was.
   */
  judgeDependent(key: string, tags: readonly string[], seq: number): Judgement {
    return seq >= this.head ? 'valid' : this.#judgeNamed(key, tags, seq, 'valid')
  }

  /**
   * As `judge`, for an entry that a step of the ledger may not have dropped: its key target may have been forgotten.
   */
  judgeApart(key: string, tags: readonly string[], seq: number): Judgement {
    return seq < this.outerFloor ? 'invalid' : this.judge(key, tags, seq)
  }

  /**
   * The number at which an encrypted entry is valid: its own, or that of the step that wrote it, if nothing has moved
   * its key since.
   */
  sealedSeq(key: string, { asOf, stamp }: Sealed): number {
    if (stamp === undefined) return asOf.seq
    const name = this.#names()?.key(key) ?? key
    return this.#stamps.get(name) === stamp ? Math.max(asOf.seq, this.#keys.get(name) ?? 0) : asOf.seq
  }

  /**
   * Whether anything has moved that concerns the key or the tags, named as in lines, in either mode, since `seq`. As
   * far as is known here: up to `last`.
   */
  hasMoved(key: string, tags: readonly string[], seq: number): boolean {
    return seq < this.outerFloor || this.#concerning(key, tags) > seq || this.#staleConcerning(key, tags) > seq
  }

  /** As `judge`, for an entry that names its epoch. */
  judgeAt(key: string, tags: readonly string[], asOf: Position): Judgement {
    return asOf.epoch === this.epoch ? this.judge(key, tags, asOf.seq) : 'invalid'
  }

  /** The number of the last invalidation (not expiry) that concerns an entry; the floor if none is known. */
  concerning(key: string, tags: readonly string[]): number {
    const names = this.#names()
    return names === undefined ? this.#concerning(key, tags) : this.#concerning(names.key(key), hide(names, tags))
  }

  #concerning(key: string, tags: readonly string[]): number {
    let seq = Math.max(this.floor, this.#keys.get(key) ?? 0)
    for (const tag of tags) seq = Math.max(seq, this.#tags.get(tag) ?? 0)
    return newestMatch(this.#patterns, key, tags, false, seq)
  }

  /**
   * Which target invalidates (or expires) an entry loaded as of `seq`; undefined if none does. For people, not for the
   * hit path.
   */
  blame(key: string, tags: readonly string[], seq: number, isApart = false): Blame | undefined {
    const names = this.#names()
    const named = names === undefined ? { key, tags } : { key: names.key(key), tags: hide(names, tags) }
    return this.#blame({ key, tags }, named, seq, isApart) ?? this.foreign?.blame(tags)
  }

  /** Which target invalidates what was computed from the entry, by the names used in lines. */
  blameDependent(key: string, tags: readonly string[], seq: number): Blame | undefined {
    return this.#blame({ key, tags }, { key, tags }, seq, false)
  }

  #blame({ key, tags }: Named, named: Named, seq: number, isApart: boolean): Blame | undefined {
    const suspects: Blame[] = [
      { kind: 'key', name: key, seq: Math.max(this.#keys.get(named.key) ?? 0, this.#staleKeys.get(named.key) ?? 0) },
      ...named.tags.map(
        (tag, at): Blame => ({
          kind: 'tag',
          name: tags[at] ?? tag,
          seq: Math.max(this.#tags.get(tag) ?? 0, this.#staleTags.get(tag) ?? 0),
        }),
      ),
      ...this.#patterns
        .filter((pattern) => matchesEntry(pattern, key, tags))
        .map(({ pattern, seq: at }): Blame => ({ kind: 'pattern', name: pattern, seq: at })),
      { kind: 'clear', name: '', seq: Math.max(this.floor, this.#staleFloor, isApart ? this.outerFloor : 0) },
    ]
    return suspects.filter((suspect) => suspect.seq > seq).sort((a, b) => b.seq - a.seq)[0]
  }

  #staleConcerning(key: string, tags: readonly string[]): number {
    let seq = Math.max(this.#staleFloor, this.#staleKeys.get(key) ?? 0)
    if (this.#staleTags.size > 0) for (const tag of tags) seq = Math.max(seq, this.#staleTags.get(tag) ?? 0)
    return newestMatch(this.#patterns, key, tags, true, seq)
  }

  #record(target: Target, seq: number, expires: boolean, stamp: string | undefined): void {
    if (target.kind === 'key') this.#putKey(target.key, seq, expires, stamp)
    else if (target.kind === 'tag') this.#put(expires ? this.#staleTags : this.#tags, target.tag, seq)
    else if (target.kind === 'pattern') this.#putPattern(target.pattern, seq, expires)
    else if (expires) this.#staleFloor = Math.max(this.#staleFloor, seq)
    else this.#raise(seq)
  }

  #putKey(key: string, seq: number, expires: boolean, stamp: string | undefined): void {
    this.#put(expires ? this.#staleKeys : this.#keys, key, seq)
    if (expires || this.#keys.get(key) !== seq) return
    if (stamp !== undefined) this.#stamps.set(key, stamp)
    else if (this.#stamps.size > 0) this.#stamps.delete(key)
  }

  #put(targets: Map<string, number>, name: string, seq: number): void {
    const known = targets.get(name)
    if (known !== undefined && known >= seq) return
    targets.delete(name)
    targets.set(name, seq)
    if (targets.size > this.#maxTargets) {
      const [oldest] = targets
      if (oldest === undefined) return
      targets.delete(oldest[0])
      // The step that named the key has dropped it, from the ledger's own tier and, when its line came, from memory.
      if (targets === this.#keys) this.#stamps.delete(oldest[0])
      // If keys are hidden, memory may not have known which of its entries the line meant.
      if (targets === this.#keys && this.#names() === undefined) this.outerFloor = Math.max(this.outerFloor, oldest[1])
      else this.floor = Math.max(this.floor, oldest[1])
    }
  }

  #putPattern(pattern: string, seq: number, expires: boolean): void {
    if (this.#patterns.some((known) => known.pattern === pattern && known.seq === seq)) return
    this.#patterns.push({ pattern, seq, expires, matches: this.#compile(pattern) })
    if (this.#patterns.length > MAX_PATTERNS) {
      const oldest = this.#patterns.shift()
      if (oldest !== undefined) this.floor = Math.max(this.floor, oldest.seq)
    }
  }

  /** Everything up to `seq` is invalid, so older targets are redundant. */
  #raise(seq: number): void {
    this.floor = Math.max(this.floor, seq)
    for (const targets of [this.#keys, this.#tags, this.#staleKeys, this.#staleTags]) {
      for (const [name, at] of targets) if (at <= this.floor) targets.delete(name)
    }
    for (const key of this.#stamps.keys()) if (!this.#keys.has(key)) this.#stamps.delete(key)
    this.#patterns = this.#patterns.filter((pattern) => pattern.seq > this.floor)
  }
}

const hide = (names: HiddenNames, tags: readonly string[]): readonly string[] => tags.map((tag) => names.tag(tag))

function newestMatch(
  patterns: readonly PatternTarget[],
  key: string,
  tags: readonly string[],
  expires: boolean,
  atLeast: number,
): number {
  let seq = atLeast
  for (const pattern of patterns)
    if (pattern.expires === expires && pattern.seq > seq && matchesEntry(pattern, key, tags)) seq = pattern.seq
  return seq
}

/** The pattern matches the entry itself, or something that it was computed from. */
function matchesEntry({ matches }: PatternTarget, key: string, tags: readonly string[]): boolean {
  if (matches(key)) return true
  for (const tag of tags) {
    const from = dependencyKey(tag)
    if (from !== undefined && matches(from)) return true
  }
  return false
}
