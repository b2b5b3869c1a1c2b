// An erasure: everything is invalidated everywhere, then every place that may hold a copy is searched, twice.
//
// First the keys of a tenant are destroyed, so that nothing can be encrypted for it any more. Then the ledger tells all
// processes, as for any invalidation: running loads are outdated, and each process drops what it holds and has queued.
// A write that was in flight to a tier at that moment may still arrive: so when all have applied it, and the longest
// timeout of a command has passed, the tiers are searched once more. Only that counts as proven.
import { checkedElsewhere, checkOptions, type Shape } from '../core/checks.ts'
import type { ShreddedKeys } from '../core/contracts.ts'
import { dependencyKey, dependencyTag } from '../core/dependency.ts'
import { MillpondError, show } from '../core/errors.ts'
import { checkKey, checkTags, encodeKey, keyList } from '../core/key.ts'
import { isTenantPart, namespaceOf } from '../core/tenant.ts'
import { MAX_KEYS } from '../invalidate/criteria.ts'
import { arrived, eraseFar, isNamedOut, isOfFew } from './erase-far.ts'
import { type ErasureTargets, eraseHere, meantBy } from './erase-here.ts'
import type { Erased, ErasedTier, ErasedWrite, ErasureSubject } from './erasure.ts'
import { forget } from './forget.ts'
import { hiddenTargets, namesOf } from './hidden.ts'
import { listed } from './listing.ts'
import type { Receipt } from './receipt.ts'
import { checkOpen, type FarTier, type Space } from './space.ts'
import { tenantPart } from './tenant-part.ts'

/**
 * How long it waits for other processes to acknowledge, in milliseconds: longer than a process that has ended is taken
 * for alive.
 */
const ACK_MS = 4000

/** Namespaces of a tenant that are searched concurrently. */
const AT_ONCE = 8

const SUBJECT: Shape<ErasureSubject> = { tenant: checkedElsewhere, tags: checkedElsewhere, keys: checkedElsewhere }

/** What it needs of the assembly: spaces by name, and the open ones. */
export interface Spaces {
  open(namespace: string): Space
  readonly openNames: readonly string[]
  /** Unless the code has named it meanwhile. */
  letGo(namespace: string): Promise<void>
}

export async function erase(space: Space, spaces: Spaces, subject: ErasureSubject): Promise<Erased> {
  checkOpen(space)
  checkOptions<ErasureSubject>(subject, SUBJECT, 'erase')
  const given = Object.values(subject).filter((value) => value !== undefined)
  if (given.length !== 1)
    throw new MillpondError(
      'OPTION_INVALID',
      'erase: name one subject: { tenant }, { tags } or { keys }; for two, erase twice',
    )
  const started = space.services.clock.monotonic()
  if (subject.tenant !== undefined) checkWhose(space, subject.tenant)
  if (subject.tenant !== undefined) return eraseTenant(space, spaces, subject.tenant, started)
  const keys = subject.keys === undefined ? [] : keyList(subject.keys, 'erase').map((key) => checkKey(encodeKey(key)))
  const tags = subject.tags === undefined ? [] : checkTags(subject.tags, MAX_KEYS)
  const meant: ErasureTargets = { keys: new Set(keys), tags: new Set([...tags, ...keys.map(dependencyTag)]) }
  return sum(await scrubbed(space, [await eraseIn(space, meant)]), undefined, started, space)
}

function checkWhose({ id }: Space, tenant: string): void {
  if (!isTenantPart(id.name) || tenantPart(namespaceOf(id.name), tenant) === id.name) return
  throw new MillpondError(
    'OPTION_INVALID',
    `erase: this cache belongs to a tenant other than ${show(tenant)}: use the cache of the whole namespace`,
  )
}

/**
 * In its part of each namespace that is open here, since other processes may hold entries in memory or in a queue only,
 * and of each for which a tier has an entry.
 */
async function eraseTenant(space: Space, spaces: Spaces, tenant: string, started: number): Promise<Erased> {
  const partOf = (namespace: string): string => tenantPart(namespaceOf(namespace), tenant)
  const keys = await shred(space, spaces, tenant)
  const names = new Set([space.id.name, ...spaces.openNames].map(partOf))
  const failures = new Map<string, unknown>()
  for (const far of space.far)
    await findParts(space, far, (name) => partOf(name) === name && names.add(name)).catch((error: unknown) =>
      failures.set(far.guarded.name, error),
    )
  const parts: Part[] = []
  const all = [...names]
  for (let from = 0; from < all.length; from += AT_ONCE) {
    const outcomes = await Promise.allSettled(
      all.slice(from, from + AT_ONCE).map((name) => erasePart(spaces, name, keys)),
    )
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') throw outcome.reason
      parts.push(outcome.value)
    }
  }
  for (const part of parts) for (const [name, error] of failures) fail(part.tiers, name, error)
  return sum(await scrubbed(space, parts), keys, started, space)
}

async function erasePart(spaces: Spaces, name: string, keys: ShreddedKeys | undefined): Promise<Part> {
  const isOpen = spaces.openNames.includes(name)
  try {
    return await eraseIn(spaces.open(name), undefined, keys)
  } finally {
    if (!isOpen) await spaces.letGo(name)
  }
}

/** Once for all namespaces: a tier may have to be rewritten as a whole. */
async function scrubbed({ far }: Space, parts: readonly Part[]): Promise<readonly Part[]> {
  for (const { guarded } of far)
    try {
      await guarded.tier.scrub?.()
    } catch (error) {
      for (const { tiers } of parts) fail(tiers, guarded.name, error)
    }
  return parts
}

/** Several codecs may store keys: of the cache, of a namespace, of a tier. */
async function shred(space: Space, spaces: Spaces, tenant: string): Promise<ShreddedKeys | undefined> {
  const codecs = [space, ...spaces.openNames.map((name) => spaces.open(name))].flatMap(({ codec, far }) => [
    codec,
    ...far.map((tier) => tier.codec),
  ])
  const secrets = new Set(codecs.flatMap((codec) => codec?.tenants ?? []))
  const shredded = await Promise.all([...secrets].map((its) => its.shred(tenant)))
  const [first] = shredded
  if (first === undefined) return undefined
  return {
    shreddedAt: Math.min(...shredded.map(({ shreddedAt }) => shreddedAt)),
    ids: [...new Set(shredded.flatMap(({ ids }) => ids))],
    heldUntil: Math.max(...shredded.map(({ heldUntil }) => heldUntil)),
  }
}

async function findParts(space: Space, far: FarTier, found: (namespace: string) => void): Promise<void> {
  const prefix = `${space.id.cache}:`
  for await (const names of listed(space, far, prefix))
    for (const name of names) found(name.slice(prefix.length, name.indexOf(':', prefix.length)))
}

/** The result in one namespace. */
interface Part {
  readonly namespace: string
  readonly receipt: Receipt
  readonly tiers: Map<string, ErasedTier>
  readonly writes: readonly ErasedWrite[]
  readonly unheard: readonly string[]
}

/** @param meant undefined for everything. */
async function eraseIn(space: Space, meant: ErasureTargets | undefined, keys?: ShreddedKeys): Promise<Part> {
  const receipt = await forget(space, {
    ...(meant === undefined
      ? { all: true }
      : { keys: [...meant.keys], tags: [...meant.tags].filter((tag) => dependencyKey(tag) === undefined) }),
    reason: 'erased',
  })
  const targets = hiddenTargets(namesOf(space), receipt.targets)
  const named = meantBy(targets)
  const before = await eraseHere(space, targets)
  const unheard = receipt.isApplied ? await receipt.acked({ timeout: ACK_MS }) : []
  const first = new Map<FarTier, number>()
  for (const far of space.far) first.set(far, await eraseFar(space, far, named).catch(() => 0))
  if (space.far.length > 0 && receipt.isApplied) await arrived(space)
  const after = await eraseHere(space, targets)
  const writes = [...before, ...after]
  space.services.events.emit('erased', { id: receipt.id, namespace: space.id.name, writes, isOwn: true })
  const tiers = new Map<string, ErasedTier>()
  for (const far of space.far) {
    const { name } = far.guarded
    try {
      const removed = (first.get(far) ?? 0) + (await eraseFar(space, far, named))
      tiers.set(name, { name, ...fateIn(space, far, meant, receipt, keys), removed })
    } catch (error) {
      fail(tiers, name, error)
    }
  }
  return { namespace: space.id.name, receipt, tiers, writes, unheard }
}

function fateIn(
  space: Space,
  far: FarTier,
  meant: ErasureTargets | undefined,
  { isApplied }: Receipt,
  keys: ShreddedKeys | undefined,
): Pick<ErasedTier, 'state' | 'until' | 'error'> {
  const { tier } = far.guarded
  if (!isApplied)
    return { state: 'failed', error: new Error('the ledger does not answer: no other process knows of it') }
  const isListed = tier.scan !== undefined && tier.scanMayMiss !== true
  const isWhole = !isOfFew(space, far)
  if (isWhole && (isListed || (meant !== undefined && isNamedOut(space, far, meant)))) return { state: 'proven' }
  // Entries encrypted with the tenant's own key; those written before it had one are gone when they expire.
  if (keys !== undefined && (far.codec ?? space.codec).tenants !== undefined) return { state: 'shredded' }
  return { state: 'until', until: space.services.clock.now() + far.retention.ttlMs }
}

function fail(tiers: Map<string, ErasedTier>, name: string, error: unknown): void {
  tiers.set(name, { name, state: 'failed', removed: tiers.get(name)?.removed ?? 0, error })
}

const WORST = ['proven', 'shredded', 'until', 'failed'] as const

function sum(parts: readonly Part[], keys: ShreddedKeys | undefined, started: number, space: Space): Erased {
  const tiers = new Map<string, ErasedTier>()
  for (const part of parts)
    for (const [name, tier] of part.tiers) {
      const known = tiers.get(name)
      const worse = known === undefined || WORST.indexOf(tier.state) > WORST.indexOf(known.state) ? tier : known
      const until = Math.max(known?.until ?? 0, tier.until ?? 0)
      tiers.set(name, {
        ...worse,
        ...(worse.state === 'until' && { until }),
        removed: (known?.removed ?? 0) + tier.removed,
      })
    }
  const unheard = [...new Set(parts.flatMap((part) => part.unheard))]
  const states = [...tiers.values()].map(({ state }) => state)
  return {
    id: parts[0]?.receipt.id ?? '',
    isProven: unheard.length === 0 && states.every((state) => state === 'proven' || state === 'shredded'),
    namespaces: parts.map(({ namespace }) => namespace),
    receipts: parts.map(({ namespace, receipt: { id } }) => ({ namespace, id })),
    tiers: [...tiers.values()],
    writes: parts.flatMap(({ writes }) => writes),
    keys,
    unheard,
    ms: space.services.clock.monotonic() - started,
  }
}
