// Settings of the alerts as a whole: rules and webhooks, each one document with a version.
import { z } from 'zod'
import { newId } from '../access/tokens.ts'
import type { AuditEntry, Caller } from '../audit/audit.ts'
import { beginDocument, putDocument, readDocument } from '../store/documents.ts'
import type { Store } from '../store/store.ts'
import { SEVERITIES } from './alerts.ts'
import { DEFAULT_RULES, type Rule, type RuleName, type RulesDocument, rulesDocument } from './rules.ts'

export const webhook = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .max(2000)
    .describe('a public address; private ones only if the control plane was started with allowPrivateWebhooks'),
  secret: z.string().min(16).max(200).describe('signs each call; never shown again'),
  severities: z
    .array(z.enum(SEVERITIES))
    .min(1)
    .default([...SEVERITIES]),
})
export const webhooksDocument = z.array(webhook).max(20)
export type Webhook = z.output<typeof webhook>

const RULES = 'alert_rules'
const WEBHOOKS = 'webhooks'

export async function rulesOf(store: Store): Promise<Readonly<Record<RuleName, Rule>>> {
  const held = await readDocument(store, RULES)
  return {
    ...DEFAULT_RULES,
    ...Object.fromEntries(Object.entries(rulesDocument.parse(held ?? {})).filter(([, rule]) => rule !== undefined)),
  }
}

const changeOf = (rules: RulesDocument, caller: Caller): AuditEntry => ({
  ...caller,
  kind: 'change',
  action: 'alert_rules.update',
  target: RULES,
  detail: rules,
})

export const putRules = (store: Store, rules: RulesDocument, caller: Caller): Promise<void> =>
  putDocument(store, RULES, rules, changeOf(rules, caller))

/** If none were set. */
export async function beginRules(store: Store, given: z.input<typeof rulesDocument>): Promise<void> {
  const rules = rulesDocument.parse(given)
  await beginDocument(store, RULES, rules, changeOf(rules, { actor: 'program', via: 'code', requestId: newId('req') }))
}

export async function webhooksOf(store: Store): Promise<readonly Webhook[]> {
  return webhooksDocument.parse((await readDocument(store, WEBHOOKS)) ?? [])
}

/** The audit log names addresses, without secrets. */
export const putWebhooks = (store: Store, webhooks: readonly Webhook[], caller: Caller): Promise<void> =>
  putDocument(store, WEBHOOKS, webhooks, {
    ...caller,
    kind: 'change',
    action: 'webhooks.update',
    target: WEBHOOKS,
    detail: { urls: webhooks.map(({ url }) => withoutSecrets(url)) },
  })

/** Some services put their secret into the path or the query. */
export const withoutSecrets = (url: string): string => new URL(url).origin
