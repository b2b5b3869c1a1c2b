// The evidence for a control: facts that are looked up now, each with what would speak against it.
import { counted } from 'millpond/options'
import { rulesOf, webhooksOf } from '../alerts/settings.ts'
import { verifyAudit } from '../audit/audit.ts'
import type { Control } from '../control.ts'
import { retentionOf } from '../maintenance/retention.ts'
import type { ComplianceDocument } from './settings.ts'

export type State = 'met' | 'violated' | 'unknown' | 'not_covered'

export interface Fact {
  readonly state: Exclude<State, 'not_covered'>
  /** In one sentence. */
  readonly detail: string
  readonly evidence: unknown
}

export type FactName =
  | 'encryption'
  | 'keys'
  | 'access'
  | 'tokens'
  | 'audit'
  | 'retention'
  | 'erasure'
  | 'values'
  | 'alerts'
export type Facts = Readonly<Record<FactName, Fact>>

const DAY_MS = 86_400_000
const LOOKED_BACK_MS = 30 * DAY_MS
const WATCHED = ['refused_credentials', 'audit_broken', 'compliance'] as const

/** @param isAuditWhole undefined: verify the whole chain now */
export async function factsFor(control: Control, settings: ComplianceDocument, isAuditWhole?: boolean): Promise<Facts> {
  const now = await control.store.now()
  const { tiers, untold } = await tiersOf(control)
  const [access, audit, retention, erasure, values, alerts] = await Promise.all([
    accessOf(control, settings, now),
    auditOf(control, isAuditWhole),
    keptFor(control, settings),
    erasuresOf(control),
    valuesOf(control, now),
    alertsOf(control),
  ])
  return {
    encryption: encryptionOf(tiers, untold, settings),
    keys: keysOf(tiers, settings, now),
    access: access.roles,
    tokens: access.tokens,
    audit,
    retention,
    erasure,
    values,
    alerts,
  }
}

interface TierFact {
  readonly cache: string
  readonly tier: string
  readonly scope: string
  /** `null`: no process reports it. */
  readonly encrypted: boolean | null
  readonly key_since: number | null
}

/** All tiers below memory that are in use, each by its worst process; and why the list is incomplete, if it is. */
async function tiersOf({
  fleet,
}: Control): Promise<{ readonly tiers: readonly TierFact[]; readonly untold: string | undefined }> {
  const found = new Map<string, TierFact>()
  let processes = 0
  let unseen: string | undefined
  for (const cache of fleet.names) {
    const seen = await fleet.see(cache)
    if (seen.unseen !== undefined) unseen ??= `it is not known which processes run ${cache}: ${seen.unseen}`
    for (const { report } of seen.nodes) {
      if (report !== undefined) processes++
      for (const { name: tier, scope, enabled, encrypted, key_since } of report?.tiers ?? []) {
        if (tier === 'memory' || !enabled) continue
        const id = `${cache}/${tier}`
        const known = found.get(id)
        found.set(id, {
          cache,
          tier,
          scope,
          encrypted: known?.encrypted === false ? false : encrypted,
          key_since: Math.min(known?.key_since ?? Number.POSITIVE_INFINITY, key_since ?? Number.POSITIVE_INFINITY),
        })
      }
    }
  }
  return {
    tiers: [...found.values()].map((one) => ({
      ...one,
      key_since: Number.isFinite(one.key_since) ? one.key_since : null,
    })),
    untold: processes === 0 ? 'no process is visible that could report what it stores' : unseen,
  }
}

function encryptionOf(
  tiers: readonly TierFact[],
  unseen: string | undefined,
  { require_encryption, unencrypted_allowed }: ComplianceDocument,
): Fact {
  const isAllowed = ({ cache, tier }: TierFact): boolean =>
    unencrypted_allowed.includes(cache) || unencrypted_allowed.includes(`${cache}/${tier}`)
  const named = (some: readonly TierFact[]): string => some.map(({ cache, tier }) => `${cache}/${tier}`).join(', ')
  const plain = tiers.filter((one) => one.encrypted === false && !isAllowed(one))
  const untold = tiers.filter((one) => one.encrypted === null && !isAllowed(one))
  const sealed = tiers.filter(({ encrypted }) => encrypted === true).length
  const evidence = {
    required: require_encryption,
    coverage: tiers.length === 0 ? null : sealed / tiers.length,
    tiers,
    allowed: unencrypted_allowed,
  }
  if (plain.length > 0)
    return { state: 'violated', detail: `what is written to ${named(plain)} is not encrypted`, evidence }
  if (untold.length > 0)
    return { state: 'unknown', detail: `no process reports whether ${named(untold)} is encrypted`, evidence }
  if (unseen !== undefined) return { state: 'unknown', detail: unseen, evidence }
  if (tiers.length === 0) return { state: 'met', detail: 'no cache stores anything outside its process', evidence }
  return { state: 'met', detail: 'everything that leaves a process is encrypted (AES-256-GCM) or exempted', evidence }
}

function keysOf(tiers: readonly TierFact[], { max_key_age_days }: ComplianceDocument, now: number): Fact {
  const sealed = tiers.filter(({ encrypted }) => encrypted === true)
  const ages = sealed.map(({ cache, tier, key_since }) => ({
    cache,
    tier,
    age_days: key_since === null ? null : Math.max(0, Math.floor((now - key_since) / DAY_MS)),
  }))
  const evidence = { max_key_age_days, keys: ages }
  const old = ages.filter(({ age_days }) => age_days !== null && age_days > max_key_age_days)
  const [oldest] = old
  if (sealed.length === 0) return { state: 'unknown', detail: 'nothing is encrypted', evidence }
  if (oldest !== undefined)
    return {
      state: 'violated',
      detail: `the key of ${oldest.cache}/${oldest.tier} is ${counted(oldest.age_days ?? 0, 'day')} old: rotate it`,
      evidence,
    }
  if (ages.some(({ age_days }) => age_days === null))
    return { state: 'unknown', detail: 'a key ring does not report the age of its key: storedKeyring does', evidence }
  return { state: 'met', detail: `no key is in use for longer than ${counted(max_key_age_days, 'day')}`, evidence }
}

async function accessOf(
  { store, isHosted }: Control,
  settings: ComplianceDocument,
  now: number,
): Promise<{ roles: Fact; tokens: Fact }> {
  const users = await store.read
    .selectFrom('users')
    .select(['name', 'role', 'namespaces'])
    .where('disabled', '=', 0)
    .orderBy('name')
    .execute()
  const tokens = await store.read
    .selectFrom('tokens')
    .innerJoin('users', 'users.id', 'tokens.user_id')
    .select(['tokens.id', 'tokens.created_at', 'tokens.expires_at', 'tokens.last_used_at', 'users.name as user'])
    .where('tokens.revoked', '=', 0)
    .where('users.disabled', '=', 0)
    .execute()
  const live = tokens.filter(({ expires_at }) => expires_at === null || Number(expires_at) > now)
  const byRole: Record<string, number> = {}
  for (const { role } of users) byRole[role] = (byRole[role] ?? 0) + 1
  const { max_token_days, max_idle_token_days } = settings
  const tooLong =
    max_token_days === null
      ? []
      : live.filter(
          ({ created_at, expires_at }) =>
            expires_at === null || Number(expires_at) - Number(created_at) > max_token_days * DAY_MS,
        )
  const idle = live.filter(
    ({ created_at, last_used_at }) => now - Number(last_used_at ?? created_at) > max_idle_token_days * DAY_MS,
  )
  const without_end = live.filter(({ expires_at }) => expires_at === null).length
  const evidence = {
    live: live.length,
    without_end,
    too_long: tooLong.map(({ id, user }) => ({ id, user })),
    idle: idle.map(({ id, user }) => ({ id, user })),
    max_token_days,
    max_idle_token_days,
  }
  const at = tooLong[0] ?? idle[0]
  const why = tooLong.length > 0 ? 'lasts longer than allowed' : 'has been unused for too long'
  const judged =
    at === undefined
      ? tokensWithout(without_end, live.length, isHosted)
      : ({ state: 'violated', detail: `the token ${at.id} of ${at.user} ${why}: revoke it` } as const)
  return {
    roles: {
      state: isHosted ? 'unknown' : 'met',
      detail: isHosted
        ? `${HOSTED}; users of the control plane itself: ${users.length}`
        : `nothing is accessible without a credential, and ${users.length === 1 ? 'the only user is' : `each of ${users.length} users is`} limited to a role (${rolesIn(byRole)})`,
      evidence: {
        users_by_role: byRole,
        limited: users.filter(({ namespaces }) => namespaces !== null).length,
        by_application: isHosted,
      },
    },
    tokens: { ...judged, evidence },
  }
}

function tokensWithout(end: number, live: number, isHosted: boolean): Pick<Fact, 'state' | 'detail'> {
  if (end > 0)
    return {
      state: 'unknown',
      detail: `${end} of ${live} tokens never expire, and max_token_days does not require them to`,
    }
  if (isHosted)
    return { state: 'unknown', detail: `${HOSTED}; each of the ${live} tokens of the control plane itself expires` }
  return { state: 'met', detail: `tokens are stored as hashes and shown once, and each of the ${live} in use expires` }
}

const HOSTED = 'the application signs in its own users, and has to provide evidence of its own'

const rolesIn = (byRole: Readonly<Record<string, number>>): string =>
  Object.entries(byRole)
    .map(([role, n]) => `${n} ${role}`)
    .join(', ')

async function auditOf({ store }: Control, isWhole: boolean | undefined): Promise<Fact> {
  const verdict =
    isWhole === undefined ? await verifyAudit(store) : { ok: isWhole, rows: null, broken: undefined, last: null }
  const first = await store.read.selectFrom('audit').select('at').orderBy('seq').limit(1).executeTakeFirst()
  const evidence = {
    ok: verdict.ok,
    rows: verdict.rows,
    last: verdict.last,
    broken: verdict.broken ?? null,
    since: first === undefined ? null : new Date(Number(first.at)).toISOString(),
  }
  return verdict.ok
    ? { state: 'met', detail: 'every action is recorded in an intact hash chain, and no row is ever removed', evidence }
    : { state: 'violated', detail: 'the audit chain is broken', evidence }
}

async function keptFor({ store }: Control, { max_retention_days }: ComplianceDocument): Promise<Fact> {
  const { days, is_automatic } = await retentionOf(store)
  const last = await store.read
    .selectFrom('audit')
    .select(['at', 'actor'])
    .where('action', '=', 'maintenance.cleanup')
    .where('kind', '=', 'change')
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  const evidence = {
    days,
    is_automatic,
    max_retention_days,
    last_cleanup: last === undefined ? null : new Date(Number(last.at)).toISOString(),
  }
  if (!is_automatic) return { state: 'violated', detail: 'old records are not removed automatically', evidence }
  if (days > max_retention_days)
    return {
      state: 'violated',
      detail: `operations are kept for ${counted(days, 'day')}, more than ${max_retention_days}`,
      evidence,
    }
  return {
    state: 'met',
    detail: `finished records are removed after ${counted(days, 'day')}; cache entries expire with their time to live`,
    evidence,
  }
}

async function erasuresOf({ store }: Control): Promise<Fact> {
  const rows = await store.read
    .selectFrom('operations')
    .select(['id', 'state', 'plan', 'created_at'])
    .where('kind', '=', 'erase')
    .orderBy('seq')
    .execute()
  // One that was repeated and then proven no longer counts.
  const open = new Map<string, string>()
  for (const { id, state, plan } of rows) {
    const subject = JSON.stringify(JSON.parse(plan ?? 'null')?.subject ?? id)
    if (state === 'completed') open.delete(subject)
    else open.set(subject, id)
  }
  const unproven = [...open.values()]
  const evidence = { erasures: rows.length, unproven }
  return unproven.length === 0
    ? { state: 'met', detail: `erasures are planned, confirmed and proven: ${rows.length} are recorded`, evidence }
    : { state: 'violated', detail: `${unproven.join(', ')} could not be proven: erase again`, evidence }
}

async function valuesOf({ store }: Control, now: number): Promise<Fact> {
  const looks = await store.read
    .selectFrom('audit')
    .select((eb) => eb.fn.countAll<number>().as('n'))
    .where('action', 'in', ['value.read', 'audit.export', 'erasure.receipt'])
    .where('at', '>', now - LOOKED_BACK_MS)
    .executeTakeFirstOrThrow()
  return {
    state: 'met',
    detail: `values are shown only to administrators, and each view and export is recorded: ${Number(looks.n)} in 30 days`,
    evidence: { in_30_days: Number(looks.n) },
  }
}

async function alertsOf({ store }: Control): Promise<Fact> {
  const firing = await store.read
    .selectFrom('alerts')
    .select(['rule', 'severity'])
    .where('state', '=', 'firing')
    .execute()
  const rules = await rulesOf(store)
  const off = WATCHED.filter((rule) => !rules[rule].enabled || Object.keys(rules[rule].levels).length === 0)
  const webhooks = (await webhooksOf(store)).length
  const evidence = { firing: firing.length, rules: WATCHED, off, webhooks }
  if (off.length > 0)
    return { state: 'violated', detail: `switched off, so nothing raises them: ${off.join(', ')}`, evidence }
  return {
    state: 'met',
    detail: `refused credentials, a broken chain, and violations of these requirements raise alerts; notified webhooks: ${webhooks}`,
    evidence,
  }
}
